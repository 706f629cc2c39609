"""Errors of the HTTP interface, RFC 9457 problem details: which they are, and which error of the
server becomes which."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from lightcone.model.interface import (
    EnvironmentFailed,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
)
from lightcone.server.access.at_once import TooManyAtOnce
from lightcone.server.access.quotas import QuotaExceeded
from lightcone.server.access.tokens import NotYours
from lightcone.server.errors import LightconeError
from lightcone.server.outward import outward
from lightcone.server.pictures.errors import BadImage, DecoderUnavailable
from lightcone.server.sessions.origin import SessionOver
from lightcone.server.sessions.queue import QueueFull
from lightcone.server.sessions.remote_state import Restoring, TooFarBack
from lightcone.server.sessions.session_log import LogUnavailable
from lightcone.server.sessions.sessions import Busy
from lightcone.server.sessions.snapshot_store import StorageError
from lightcone.server.worker.errors import RewindError, WorkerError
from lightcone.streaming import (
    BadOffer,
    NoSocket,
    OfferTooLarge,
    RecordingError,
    StreamingError,
    UnknownViewer,
    UnsupportedCodec,
)

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2  # what answers that ask to come back propose

ProblemCode = Literal[
    "malformed-json",
    "incomplete-body",
    "bad-offer",
    "unauthorised",
    "forbidden",
    "forbidden-origin",
    "unknown-world",
    "unknown-session",
    "unknown-viewer",
    "unknown-snapshot",
    "unknown-recording",
    "unknown-ticket",
    "not-found",
    "method-not-allowed",
    "no-common-codec",
    "timeout",
    "too-far-back",
    "no-key",
    "session-over",
    "too-large",
    "offer-too-large",
    "unsupported-media-type",
    "wrong-host",
    "invalid-request",
    "unknown-words",
    "bad-image",
    "image-required",
    "no-image-taken",
    "bad-snapshot",
    "over-quota",
    "http-error",
    "internal-error",
    "engine-unavailable",
    "environment-failed",
    "busy",
    "too-many-viewers",
    "no-socket",
    "storage-failed",
]


class Problem(Exception):
    """`code` is stable, for programs; `title` is the same for people, `detail` is about this
    request. `more` are further members of the body."""

    def __init__(
        self,
        status: int,
        code: ProblemCode,
        title: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers
        self.body = {
            "type": f"urn:lightcone:problem:{code}",
            "code": code,
            "title": title,
            "status": status,
            "detail": detail,
            **more,
        }


# The first that fits is it. Those with 429 and 503 may work a moment later.
_PROBLEMS: tuple[tuple[type[Exception], int, ProblemCode, str], ...] = (
    (NotYours, 403, "forbidden", "Forbidden"),
    (PromptError, 422, "unknown-words", "Unknown words"),
    (BadImage, 422, "bad-image", "Bad image"),
    (ImageError, 422, "bad-image", "Bad image"),
    (SnapshotError, 422, "bad-snapshot", "Bad snapshot"),
    (TooFarBack, 409, "too-far-back", "Too far back"),
    (RewindError, 409, "too-far-back", "Too far back"),
    (SessionOver, 410, "session-over", "The session is over"),
    (TooManyAtOnce, 429, "over-quota", "Over quota"),
    (Busy, 503, "busy", "Busy"),
    (QueueFull, 503, "busy", "Busy"),
    (DecoderUnavailable, 503, "busy", "Busy"),
    (Restoring, 503, "engine-unavailable", "Engine unavailable"),
    (EnvironmentFailed, 503, "environment-failed", "The environment failed"),
    (WorkerError, 503, "engine-unavailable", "Engine unavailable"),
    (ModelError, 503, "engine-unavailable", "Engine unavailable"),
    (LogUnavailable, 507, "storage-failed", "Nothing can be stored"),
    (StorageError, 507, "storage-failed", "Nothing can be stored"),
    (RecordingError, 507, "storage-failed", "Nothing can be stored"),
    (NoSocket, 503, "no-socket", "No socket"),
    (UnsupportedCodec, 406, "no-common-codec", "No common codec"),
    (OfferTooLarge, 413, "offer-too-large", "Offer too large"),
    (BadOffer, 400, "bad-offer", "Bad offer"),
    (UnknownViewer, 404, "unknown-viewer", "Unknown viewer"),
)


def problem_of(error: Exception) -> Problem:
    """What an error of the server is over HTTP."""
    for kind, status, code, title in _PROBLEMS:
        if isinstance(error, kind):
            words = {}
            if isinstance(error, PromptError):
                words = {"words": list(error.words), "known": list(error.known)}
            headers = {"Retry-After": str(RETRY_S)} if status in (429, 503) else None
            return Problem(status, code, title, outward(error), headers, **words)
    if isinstance(error, QuotaExceeded):
        headers = {"Retry-After": str(error.retry_s)}
        return Problem(429, "over-quota", "Over quota", str(error), headers)
    return Problem(500, "internal-error", "Internal error", outward(error))


def add_handlers(app: FastAPI) -> None:
    """Answer every error with problem details."""
    for refusal in (LightconeError, ModelError, StreamingError):
        app.add_exception_handler(refusal, _on_refusal)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_refusal)


def respond(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body, problem.status, problem.headers, MEDIA_TYPE)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return respond(error)


async def _on_refusal(request: Request, error: Exception) -> JSONResponse:
    return respond(problem_of(error))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    codes: dict[int, ProblemCode] = {404: "not-found", 405: "method-not-allowed"}
    code = codes.get(error.status_code, "http-error")
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _methods(request)):
        headers["Allow"] = ", ".join(sorted(allowed))
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return respond(Problem(error.status_code, code, error.detail, detail, headers))


def _methods(request: Request) -> set[str]:
    """What the routes of this path take, all together; the framework names those of the first."""
    routes: list[BaseRoute] = request.app.routes
    return {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


def forbidden_origin(origin: str | None) -> Problem:
    detail = f"pages of {str(origin)[:100]} may not use this server"
    return Problem(403, "forbidden-origin", "Forbidden origin", detail)


def unknown_session(session_id: str) -> Problem:
    return Problem(404, "unknown-session", "Unknown session", f"no session '{session_id[:100]}'")
