"""The server seen from outside: `/readyz`, `/metrics` and `/status.json`."""

from __future__ import annotations

import asyncio
import time

import psutil
from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder

from lightcone.server.http.bodies import Lag
from lightcone.server.http.described import file
from lightcone.server.http.status_bodies import (
    Readiness,
    Status,
    Totals,
    session_status,
    worker_status,
)
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.telemetry.collector import ServerCollector, dropped
from lightcone.server.telemetry.loop_lag import LoopLag

TEXT_FORMAT = "text/plain"


def add_observing(app: FastAPI, sessions: Sessions, lag: LoopLag) -> None:
    registry = sessions.meter.registry
    registry.register(ServerCollector(sessions))
    process = psutil.Process()
    began = asyncio.get_running_loop().time()

    @app.get("/readyz", responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Whether a session can be made now."""
        readiness = _readiness(sessions)
        if not readiness.ready:
            response.status_code = 503
        return readiness

    @app.get(
        "/metrics",
        response_class=Response,
        responses=file(200, TEXT_FORMAT, "Metrics in a format that Prometheus reads"),
    )
    async def metrics(request: Request) -> Response:
        """Metrics for Prometheus; in OpenMetrics for who accepts that."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    @app.get("/status.json")
    async def status() -> Status:
        """The server and its sessions now, as the page at /status shows them."""
        return Status(
            time=time.time(),
            uptime_s=asyncio.get_running_loop().time() - began,
            readiness=_readiness(sessions),
            sessions=[session_status(session) for session in sessions],
            workers=[worker_status(worker) for worker in sessions.workers],
            queue=sessions.queued,
            memory_bytes=process.memory_info().rss,
            loop_lag_ms=Lag(p50=lag.p50_ms, p99=lag.p99_ms),
            totals=_totals(sessions),
        )


def _readiness(sessions: Sessions) -> Readiness:
    reason = sessions.why_not()
    return Readiness(ready=reason is None, reason=reason)


def _totals(sessions: Sessions) -> Totals:
    worlds, sent = sessions.meter.worlds.values(), sessions.sent()
    return Totals(
        sessions=sum(counts.begun for counts in worlds),
        chunks=sum(counts.chunks for counts in worlds),
        frames=sum(counts.frames for counts in worlds),
        deadline_misses=sum(counts.deadline_misses for counts in worlds),
        held_s=sum(counts.held_s for counts in worlds),
        picture_bytes=sum(stats.picture_bytes for stats in sent.values()),
        sound_bytes=sum(stats.sound_bytes for stats in sent.values()),
        dropped=dropped(sessions.meter, sent.values()),
        workers_lost=sum(each.lost for each in sessions.recovering),
    )
