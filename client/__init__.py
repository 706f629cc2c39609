"""A Python client of a Lightcone server (docs/client.md).

`Client` is asynchronous; `lightcone.client.sync` has the same for programs that are not, and
`lightcone.client.gym` environments for learning. Nothing of the server or of a model is imported.
"""

from lightcone.client.bodies import SessionEntry, SnapshotEntry, World
from lightcone.client.client import Client
from lightcone.client.errors import (
    Busy,
    ClientError,
    Closed,
    InvalidInput,
    Late,
    NotAllowed,
    NotFound,
    Problem,
    Refused,
    SessionOver,
    UnknownWords,
    Unreachable,
    ViewerLost,
)
from lightcone.client.messages import PromptReceipt, Receipt, RewindReceipt, Status
from lightcone.client.session import LiveSession
from lightcone.client.viewer import Frame

__all__ = [
    "Busy",
    "Client",
    "ClientError",
    "Closed",
    "Frame",
    "InvalidInput",
    "Late",
    "LiveSession",
    "NotAllowed",
    "NotFound",
    "Problem",
    "PromptReceipt",
    "Receipt",
    "Refused",
    "RewindReceipt",
    "SessionEntry",
    "SessionOver",
    "SnapshotEntry",
    "Status",
    "UnknownWords",
    "Unreachable",
    "ViewerLost",
    "World",
]
