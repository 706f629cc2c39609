"""What clients get of an error: the message of one that is about what they sent, and a fixed
one where it may show the inside of the server. Its log has the whole."""

from __future__ import annotations

from lightcone.model.interface import (
    EnvironmentFailed,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnknownWorld,
)
from lightcone.server.errors import LightconeError, printable
from lightcone.server.telemetry.logs import get_logger
from lightcone.streaming import RecordingError, StreamingError

MORE = "the server's log has more"

_ABOUT_WHAT_WAS_SENT = (ImageError, PromptError, SnapshotError, UnknownWorld)
_HIDDEN: tuple[tuple[type[Exception], str], ...] = (
    (EnvironmentFailed, "the environment of the world failed"),
    (ModelError, "the model of the world can not be used"),
    (RecordingError, "nothing can be recorded now"),
)

log = get_logger("lightcone.errors")


def outward(error: Exception) -> str:
    """One line for clients. What it hides is logged."""
    fixed = _fixed(error)
    if fixed is None:
        return printable(str(error))
    log.warning("hidden from a client", kind=type(error).__name__, error=str(error))
    return f"{fixed}; {MORE}"


def _fixed(error: Exception) -> str | None:
    """What stands for its message, None where that can be shown."""
    if isinstance(error, LightconeError):
        return error.outward
    if isinstance(error, _ABOUT_WHAT_WAS_SENT):
        return None
    for kind, text in _HIDDEN:
        if isinstance(error, kind):
            return text
    return None if isinstance(error, StreamingError) else "the server made a mistake"
