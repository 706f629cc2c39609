"""The server's end of a worker process. Everything is asynchronous on the event loop; no threads.

The models have a process of their own so that neither their Python nor an encoder ever delays the
loop that sends RTP, and so that what goes wrong there ends there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping

from lightcone.model.interface import How, Image
from lightcone.model.runtime.threads import openmp
from lightcone.server.worker.errors import WorkerLost, WorkerRefused
from lightcone.server.worker.link import Link, R
from lightcone.server.worker.messages import (
    Condition,
    Conditioned,
    Drive,
    Drop,
    Fork,
    Input,
    KeyframeWanted,
    LaneName,
    Load,
    Message,
    OfSession,
    Open,
    Opened,
    OpenWorld,
    Ping,
    Pong,
    Ready,
    Refused,
    Release,
    Restore,
    Rewind,
    RewindAction,
    Rewound,
    Save,
    Saved,
    Sending,
    Stats,
    Watch,
    WorldOpened,
)

LAUNCH_TIMEOUT_S = 300.0
CLOSE_TIMEOUT_S = 2.0
CLOSE_RECORDING_S = 30.0  # the same where the last episodes are to be written
HEARTBEAT_S = 1.0
SILENCE_S = 5.0  # a worker that does not answer for so long is killed
SILENCE_OPENING_S = 10.0  # the same while it opens a world: imports hold up its loop


class WorkerHost:
    """A running worker process; made by `launch`. Requests raise a failure under its own name
    (PromptError, ImageError, SnapshotError, RewindError, UnknownSession ...), or RequestFailed, and
    WorkerLost. What is not a request is lost silently with the worker."""

    def __init__(self, process: Process, link: Link, ready: Ready, close_timeout_s: float) -> None:
        self.ready = ready
        self._close_timeout_s = close_timeout_s
        self._process = process
        self._link = link
        self._opening = 0
        self._heartbeat = asyncio.get_running_loop().create_task(
            self._watch_over(), name=f"heartbeat of worker {process.pid}"
        )

    @classmethod
    async def launch(cls, load: Load) -> WorkerHost:
        """Start the process and wait until its first world is open and warm.

        Raises WorkerRefused or WorkerLost.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "lightcone.server.worker.process",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **openmp(load.threads)},
                start_new_session=True,  # Ctrl-C in the terminal is for the server alone
            )
        ours.setblocking(False)
        _, link = await asyncio.get_running_loop().create_connection(Link, sock=ours)
        link.send(load)
        try:
            async with asyncio.timeout(LAUNCH_TIMEOUT_S):
                first = await link.first
            if isinstance(first, Refused):
                raise WorkerRefused(first.message)
            return cls(process, link, first, CLOSE_RECORDING_S if load.record else CLOSE_TIMEOUT_S)
        except BaseException as error:
            link.close()
            await _end(process, CLOSE_TIMEOUT_S)
            if isinstance(error, TimeoutError):
                late = f"'{load.worlds[0]}' is not open after {LAUNCH_TIMEOUT_S:g} s"
                raise WorkerRefused(late) from error
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done once the process has closed its end."""
        return self._link.lost

    @property
    def on_message(self) -> Callable[[OfSession | Stats], None] | None:
        """Called on the loop with all that is no reply."""
        return self._link.on_message

    @on_message.setter
    def on_message(self, callback: Callable[[OfSession | Stats], None] | None) -> None:
        self._link.on_message = callback

    # requests

    async def open_world(self, world: str) -> WorldOpened:
        """Load the model of a world, if that is not done yet."""
        return await self._open(lambda n: OpenWorld(n, world), WorldOpened)

    async def open(
        self,
        session: str,
        world: str,
        seed: int,
        prompt: str,
        image: Image | None,
        sending: Sending,
    ) -> Opened:
        """Start a session; it stands until `watch`."""
        data = None if image is None else image.tobytes()
        return await self._open(
            lambda n: Open(n, session, world, seed, prompt, data, sending), Opened
        )

    async def restore(self, session: str, snapshot: bytes, sending: Sending) -> Opened:
        """Start a session from a snapshot; it stands until `watch`."""
        return await self._open(lambda n: Restore(n, session, snapshot, sending), Opened)

    async def fork(self, session: str, new: str, sending: Sending) -> Opened:
        return await self._link.request(lambda n: Fork(n, session, new, sending), Opened)

    async def condition(self, session: str, text: str, how: How, chunks: int) -> Conditioned:
        return await self._link.request(
            lambda n: Condition(n, session, text, how, chunks), Conditioned
        )

    async def rewind(self, session: str, action: RewindAction, frame: int = 0) -> Rewound:
        return await self._link.request(lambda n: Rewind(n, session, action, frame), Rewound)

    async def save(self, session: str) -> bytes:
        """A snapshot of it now."""
        return (await self._link.request(lambda n: Save(n, session), Saved)).snapshot

    async def ping(self) -> None:
        """Returns as soon as the worker's loop has come to it."""
        await self._link.request(Ping, Pong)

    # notifications

    def watch(
        self, session: str, run: bool, lanes: Mapping[LaneName, int], sound: bool = True
    ) -> None:
        self._link.send(Watch(session, run, dict(lanes), sound))

    def keyframe(self, session: str, lane: LaneName) -> None:
        self._link.send(KeyframeWanted(session, lane))

    def drive(self, session: str, driven: bool) -> None:
        self._link.send(Drive(session, driven))

    def input(self, message: Input) -> None:
        """What the driver holds from now on."""
        self._link.send(message)

    def release(self, session: str) -> None:
        self._link.send(Release(session))

    def drop(self, session: str) -> None:
        self._link.send(Drop(session))

    # its end

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the process. Does nothing more the second time."""
        self._heartbeat.cancel()
        self._link.close()
        await _end(self._process, self._close_timeout_s)

    async def _open(self, make: Callable[[int], Message], kind: type[R]) -> R:
        self._opening += 1
        try:
            return await self._link.request(make, kind, LAUNCH_TIMEOUT_S)
        finally:
            self._opening -= 1

    async def _watch_over(self) -> None:
        """Kill a worker whose loop does not answer: it can not be waited for."""
        with contextlib.suppress(WorkerLost):
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                try:
                    async with asyncio.timeout(SILENCE_OPENING_S if self._opening else SILENCE_S):
                        await self.ping()
                except TimeoutError:
                    self.kill()
                    return


async def _end(process: Process, timeout_s: float) -> None:
    """The process ends by itself once the socket is closed; if it does not, it is killed."""
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
