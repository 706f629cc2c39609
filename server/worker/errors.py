"""What the server's end of a worker raises, and how a worker's failures cross to it."""

from __future__ import annotations

from lightcone.model.interface import (
    EnvironmentFailed,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WeightsError,
)
from lightcone.server.errors import LightconeError
from lightcone.server.worker.messages import Failed


class WorkerError(LightconeError):
    """The worker could not do what was asked; the message is one readable line."""


class WorkerRefused(WorkerError):
    """The worker could not open its first world: no weights, an unknown device."""


class WorkerLost(WorkerError):
    """The worker process has ended."""


class RequestFailed(WorkerError):
    """A request failed inside the worker and changed nothing."""


class RewindError(RequestFailed):
    """Before the oldest state that is kept, or after the present."""


class UnknownSession(RequestFailed):
    """The worker has no session of this id."""


_KINDS: dict[str, type[ModelError | WorkerError]] = {
    kind.__name__: kind
    for kind in (
        EnvironmentFailed,
        ImageError,
        RewindError,
        SnapshotError,
        UnknownSession,
        UnknownWorld,
        UnsupportedSetting,
        WeightsError,
    )
}


def failure(request: int, error: Exception) -> Failed:
    """The message that carries an error to the server."""
    kind, text = type(error).__name__, one_line(error)
    if isinstance(error, PromptError):
        return Failed(request, kind, text, list(error.words), list(error.known))
    return Failed(request, kind, text)


def one_line(error: BaseException) -> str:
    """The first line of its message, or its name where it has none."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def error_of(failed: Failed) -> Exception:
    """The error that `failure` was made from, or RequestFailed for what is no error of a model
    or a worker."""
    if failed.kind == "PromptError":
        stated = str(PromptError(failed.words, failed.known))
        reason = failed.message.removesuffix(stated).removesuffix("; ")
        return PromptError(failed.words, failed.known, reason)
    if kind := _KINDS.get(failed.kind):
        return kind(failed.message)
    return RequestFailed(f"{failed.kind}: {failed.message}")
