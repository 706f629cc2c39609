"""The HTTP application: everything that this server answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from starlette.middleware.cors import CORSMiddleware

from lightcone.server.control.asyncapi import asyncapi
from lightcone.server.control.socket import serve_control
from lightcone.server.http import problems
from lightcone.server.http.bodies import (
    CatalogueEntry,
    Health,
    Lag,
    RecoveryBody,
    WorkerBody,
    entry_of,
)
from lightcone.server.http.described import refusals
from lightcone.server.http.files import add_files
from lightcone.server.http.gate import Gate
from lightcone.server.http.observing import add_observing
from lightcone.server.http.page import page
from lightcone.server.http.session_routes import add_sessions
from lightcone.server.http.tokens import add_tokens
from lightcone.server.http.visitor import guest_of
from lightcone.server.http.watching import add_watching
from lightcone.server.pictures.decoder import Decoder
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.sessions.workers import Worker
from lightcone.server.telemetry.loop_lag import LoopLag


def create_app(sessions: Sessions) -> FastAPI:
    """The application of a server with these sessions; they are closed with it."""
    lag = LoopLag(sessions.meter.lag)
    decoder = Decoder()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        lag.start()
        yield
        lag.stop()
        await sessions.close()
        await decoder.close()

    app = FastAPI(
        title="Lightcone",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=refusals("default"),
    )
    app.add_middleware(Gate, access=sessions.access)
    # around the gate: a page elsewhere may read why it was refused
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sessions.settings.allowed_origins,
        allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],  # WHEP players send Authorization too
        expose_headers=["Link", "Location", "Retry-After"],
    )
    problems.add_handlers(app)
    _add_facts(app, sessions, lag)
    add_observing(app, sessions, lag)
    add_sessions(app, sessions, decoder)
    add_watching(app, sessions)
    add_files(app, sessions)
    add_tokens(app, sessions)
    _add_control(app, sessions)
    # after everything else, so that a wrong method on a route above stays a 405
    app.router.default = page(sessions.settings.client_dir)
    return app


def _add_facts(app: FastAPI, sessions: Sessions, lag: LoopLag) -> None:
    @app.get("/healthz", responses={503: {"model": Health}})
    async def healthz(response: Response) -> Health:
        """Whether sessions can be made."""
        if not sessions.working:
            response.status_code = 503
        return _health(sessions, lag)

    @app.get("/asyncapi.json")
    async def describe_control(request: Request) -> dict[str, Any]:
        """The control websocket as an AsyncAPI 3.0 document."""
        return asyncapi(request.headers.get("host", ""))

    @app.get("/catalogue")
    async def catalogue() -> list[CatalogueEntry]:
        """The worlds that are served, the default one first."""
        return [entry_of(info) for info in sessions.infos.values()]


def _health(sessions: Sessions, lag: LoopLag) -> Health:
    return Health(
        status="ok" if sessions.working else "unavailable",
        serves=list(sessions.infos),
        sessions=sum(1 for _ in sessions),
        viewers=sum(session.viewers for session in sessions),
        chunk_ms=sessions.chunk_ms,
        workers=[_worker_body(worker) for worker in sessions.workers],
        queue=sessions.queued,
        recoveries=[RecoveryBody(**asdict(recovery)) for recovery in sessions.recoveries],
        loop_lag_ms=Lag(p50=lag.p50_ms, p99=lag.p99_ms),
    )


def _worker_body(worker: Worker) -> WorkerBody:
    return WorkerBody(
        pid=None if worker.host is None else worker.host.pid,
        sessions=worker.sessions.total(),
        step_busy_ms=worker.stats.step_busy_ms,
        encode_busy_ms=worker.stats.encode_busy_ms,
        loop_lag_ms=worker.stats.loop_lag_ms,
    )


def _add_control(app: FastAPI, sessions: Sessions) -> None:
    @app.websocket("/sessions/{session_id}/control")
    async def control(socket: WebSocket, session_id: str) -> None:
        await serve_control(socket, sessions.get(session_id), guest_of(socket))
