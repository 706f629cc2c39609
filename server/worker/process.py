"""The worker process: models, the states of sessions, and encoders, for the server that started it.

Run as `python -m lightcone.server.worker.process SOCKET_FD`. It ends when the server closes the
socket, in whatever way the server ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import uvloop

from lightcone.model.interface import ModelError
from lightcone.server.telemetry.logs import get_logger, set_up_logs
from lightcone.server.worker.errors import one_line
from lightcone.server.worker.messages import (
    Frames,
    LaneName,
    Load,
    Refused,
    decode_to_worker,
)
from lightcone.server.worker.outlet import Outlet
from lightcone.server.worker.service import Service
from lightcone.server.worker.stepping.threads import Thread
from lightcone.server.worker.vitals import Vitals
from lightcone.server.worker.worlds import Worlds

SWITCH_S = 0.001  # how long a thread that computes in Python keeps the loop waiting at most

log = get_logger("lightcone.worker")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_S)
    uvloop.run(_serve(socket.socket(fileno=int(sys.argv[1]))))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a thread that hangs must not keep the process


async def _serve(server: socket.socket) -> None:
    server.setblocking(False)
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_connection(_Worker, sock=server)
    await worker.over
    worker.finish_recordings()


class _Worker(asyncio.Protocol):
    """The worker's end of the socket."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._frames = Frames()
        self._outlet: Outlet | None = None
        self._service: Service | None = None
        self._vitals: Vitals | None = None
        self._beginning: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by its methods
        self._outlet = Outlet(cast(asyncio.Transport, transport), self._keyframe)

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            message = decode_to_worker(frame)
            if self._service is not None:
                self._service.receive(message)
            elif isinstance(message, Load) and self._beginning is None:
                self._beginning = self._loop.create_task(self._begin(message))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._vitals is not None:
            self._vitals.close()
        if self._service is not None:
            self._service.close()
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.pause()

    def resume_writing(self) -> None:
        if self._outlet is not None:
            self._outlet.resume()

    def finish_recordings(self) -> None:
        """Wait until what was played is written."""
        if self._service is not None:
            self._service.finish_recordings()

    async def _begin(self, load: Load) -> None:
        outlet = self._outlet
        assert outlet is not None
        set_up_logs(load.log_level, load.log_json, worker=os.getpid())
        encoder = ThreadPoolExecutor(1, "encoder")
        try:
            worlds = Worlds(load, Thread, encoder)
            service = Service(load, worlds, outlet.send, Thread, encoder)
            ready = await service.begin()
        except Exception as error:
            kind, reason = type(error).__name__, one_line(error)
            if not isinstance(error, ModelError):
                log.exception("a world can not be opened", world=load.worlds[0])
                reason = f"'{load.worlds[0]}' can not be opened: {kind}: {reason}"
            outlet.send(Refused(kind, reason))
            return
        outlet.send(ready)
        self._service = service
        self._vitals = Vitals(service, outlet, load.device)

    def _keyframe(self, session: str, lane: LaneName) -> None:
        if self._service is not None:
            self._service.want_keyframe(session, lane)


if __name__ == "__main__":
    main()
