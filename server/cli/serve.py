"""`lightcone serve`: from settings to a running server, and down again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
import uvloop

from lightcone.server.cli.settings import Settings
from lightcone.server.control.protocol import MAX_MESSAGE_BYTES
from lightcone.server.http.app import create_app
from lightcone.server.http.connections import Connection
from lightcone.server.http.listener import (
    PortUnavailable,
    listen,
)
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.telemetry.logs import get_logger

MAX_CONNECTIONS = 1024
SHUTDOWN_S = 3  # for requests and websockets that are still open

log = get_logger("lightcone")


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve on a bound socket until SIGINT or SIGTERM.

    Raises WorkerError or PortUnavailable, before anything can connect.
    """
    uvloop.run(_serve(settings, listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    names = ", ".join(settings.served)
    log.info("loading", worlds=names)
    if settings.record is not None:
        log.info("what is played is recorded", folder=str(settings.record))
    launching = loop.create_task(Sessions.launch(settings))
    await asyncio.wait({stopped, launching}, return_when=asyncio.FIRST_COMPLETED)
    if not launching.done():
        launching.cancel()
        await asyncio.wait({launching})
        return
    sessions = await launching
    try:
        url = listen(listener, settings.tls_cert is not None)
    except PortUnavailable:
        await sessions.close()
        raise
    server = _Server(_config(sessions))
    serving = loop.create_task(server.serve(sockets=[listener]))
    print(f"Lightcone serves {names} at {url}", flush=True)
    await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
    log.info("going down")
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to `_serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(sessions: Sessions) -> uvicorn.Config:
    settings = sessions.settings
    return uvicorn.Config(
        create_app(sessions),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        http=Connection,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        # the control websocket names a reason for larger ones, far larger ones are cut off at once
        ws_max_size=16 * MAX_MESSAGE_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
