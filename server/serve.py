"""`lightcone serve`: from settings to a running server, and down again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn
import uvloop

from server.app import create_app
from server.engine import Engine
from server.errors import LightconeError
from server.protocol import MAX_MESSAGE_BYTES
from server.settings import Settings
from server.weights import check_world
from server.worlds import Worlds

SHUTDOWN_S = 3  # for requests and websockets that are still open

log = logging.getLogger("lightcone")


class PortUnavailable(LightconeError):
    """The address can not be listened on."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises UnknownWorld, WeightsError, PortUnavailable or EngineError, before anything can
    connect; what is quickest to find out comes first.
    """
    check_world(settings.world, settings.weights)
    with _bind(settings.host, settings.port) as listener:
        uvloop.run(_serve(settings, listener))


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise PortUnavailable(
            f"can not listen on {host}:{port}: {error.strerror or error}"
        ) from error
    return listener


async def _serve(settings: Settings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    log.info("loading %s", settings.world)
    launching = loop.create_task(Engine.launch(settings.engine_config()))
    await asyncio.wait({stopped, launching}, return_when=asyncio.FIRST_COMPLETED)
    if not launching.done():
        launching.cancel()
        await asyncio.wait({launching})
        return
    worlds = Worlds(settings, await launching)
    server = _Server(_config(worlds))
    serving = loop.create_task(server.serve(sockets=[listener]))
    listener.listen()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"Lightcone serves {settings.world} at http://{shown}:{port}", flush=True)
    await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
    log.info("going down")
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to `_serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(worlds: Worlds) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(worlds),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        # larger ones are told so by the control websocket, far larger ones cut off at once
        ws_max_size=16 * MAX_MESSAGE_BYTES,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
