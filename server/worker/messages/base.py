"""What all messages have in common."""

from __future__ import annotations

from typing import Literal

import msgspec

LaneName = Literal["H264", "VP8", "H264-thin", "VP8-thin"]
"""Of one encode of a session, as `streaming.Lane` names them."""
RewindAction = Literal["start", "stop", "to"]
DropCause = Literal["overtaken", "late", "unread"]
"""Why a worker does not send something: a picture that a newer one overtook before it was encoded;
a sound that would be heard too late; a picture that the server was too slow to read."""


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of all messages."""
