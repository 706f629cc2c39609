"""What the server's end of a worker raises, and how a worker's failures cross to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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
from lightcone.server.errors import LightconeError, printable
from lightcone.server.worker.messages import Failed


class WorkerError(LightconeError):
    """The worker could not do what was asked."""

    outward: ClassVar[str | None] = "the world can not be reached in its worker"


class WorkerRefused(WorkerError):
    """The worker could not open its first world: no weights, an unknown device."""


class WorkerLost(WorkerError):
    """The worker process has ended."""

    outward = None


class RequestFailed(WorkerError):
    """A request failed inside the worker and changed nothing."""

    outward: ClassVar[str | None] = "the world failed"


class RewindError(RequestFailed):
    """Before the oldest state that is kept, or after the present."""

    outward = None


class UnknownSession(RequestFailed):
    """The worker has no session of this id."""

    outward = None


class StepTimeout(RequestFailed):
    """A chunk took longer than a session's may."""

    outward = None


class RequestTimedOut(RequestFailed):
    """What was asked for took longer than it may."""

    outward = None


_KINDS: Mapping[str, type[ModelError | WorkerError]] = {"TimeoutError": RequestTimedOut} | {
    kind.__name__: kind
    for kind in (
        EnvironmentFailed,
        ImageError,
        RewindError,
        SnapshotError,
        StepTimeout,
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
    return printable(next(iter(str(error).splitlines()), "")) or type(error).__name__


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
