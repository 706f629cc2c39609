"""The server's end of the engine process. Everything is asynchronous on the event loop; no
threads.

The model has a process of its own so that its Python never delays the loop that sends RTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import (
    How,
    PromptError,
    WorldInfo,
)
from lightcone.model.runtime.threads import openmp
from lightcone.server.errors import LightconeError
from lightcone.server.worker.messages import (
    ChunkMemory,
    Decoder,
    Done,
    Drop,
    Failed,
    Load,
    Prompt,
    Prompted,
    Ready,
    Refused,
    Reply,
    Start,
    Started,
    Step,
    encode,
    info_from_wire,
)
from lightcone.server.worker.messages import Message as WireMessage

CLOSE_TIMEOUT_S = 2.0

_R = TypeVar("_R", Started, Prompted, Done)


class EngineError(LightconeError):
    """The engine could not do what was asked; the message is one readable line."""


class EngineRefused(EngineError):
    """The engine could not open its first world: no weights, an unknown device."""


class EngineLost(EngineError):
    """The engine process has ended."""


class StepFailed(EngineError):
    """A request failed inside the model; the state is as it was."""


@dataclass(frozen=True)
class EngineConfig:
    """What the engine opens: the first of `worlds` at once, the others when they are needed.
    `slots` bounds the chunks in flight, one for each running world."""

    worlds: tuple[str, ...]
    weights: Path
    steps: int
    device: str
    threads: int
    probe_compute_ms: float
    slots: int


@dataclass(frozen=True)
class PromptResult:
    """The chunks that show a prompt first, and fully."""

    first: int
    full: int


@dataclass(frozen=True)
class StepResult:
    """One chunk; `model_s` is the time it took in the model."""

    index: int
    model_s: float
    frames: NDArray[np.uint8]  # (frames_per_chunk, H, W, 3)
    sound: NDArray[np.float32]  # (samples_per_chunk,)


class Engine:
    """A running engine process; made by `launch`."""

    def __init__(
        self, process: Process, link: _Link, memory: IO[bytes], ready: Ready, slots: int
    ) -> None:
        infos = [info_from_wire(info) for info in ready.infos]
        self.infos: dict[str, WorldInfo] = {info.name: info for info in infos}
        self.chunk_s = ready.chunk_ms / 1000
        self._process = process
        self._link = link
        self._file = memory
        self._memory = ChunkMemory(memory.fileno(), infos, slots)
        self._free = list(range(slots))

    @classmethod
    async def launch(cls, config: EngineConfig) -> Engine:
        """Start the process and wait until its first world is open and warm.

        Raises EngineRefused or EngineLost.
        """
        ours, theirs = socket.socketpair()
        memory = _nameless_file()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "lightcone.server.worker.process",
                str(theirs.fileno()),
                str(memory.fileno()),
                pass_fds=(theirs.fileno(), memory.fileno()),
                env={**os.environ, **openmp(config.threads)},
                start_new_session=True,  # Ctrl-C in the terminal is for the server alone
            )
        ours.setblocking(False)
        _, link = await asyncio.get_running_loop().create_connection(_Link, sock=ours)
        link.send(
            Load(
                list(config.worlds),
                str(config.weights),
                config.steps,
                config.device,
                config.probe_compute_ms,
                config.slots,
            )
        )
        try:
            first = await link.first
            if isinstance(first, Refused):
                raise EngineRefused(first.message)
            return cls(process, link, memory, first, config.slots)
        except BaseException:
            link.close()
            await _end(process)
            memory.close()
            raise

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done once the process has closed its end."""
        return self._link.lost

    @property
    def disturbed(self) -> bool:
        """A start or a prompt is in flight: a step of any world waits for it. A start that opens
        a world takes seconds, which say nothing about how long steps take."""
        return bool(self._link.rare)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(
        self, key: str, world: str, seed: int, prompt: str, image: NDArray[np.uint8] | None = None
    ) -> float:
        """Make the state `key` of a world, from a picture of its size where there is one. Returns
        the seconds that a chunk takes. Raises PromptError, StepFailed, EngineLost."""
        data = None if image is None else image.tobytes()
        started = await self._link.request(
            lambda request: Start(request, key, world, seed, prompt, data), Started
        )
        return started.chunk_ms / 1000

    async def prompt(self, key: str, text: str, how: How, chunks: int) -> PromptResult:
        """Tell the state `key` a new prompt, after the step that is being made.

        Raises PromptError, StepFailed (the state is as it was) and EngineLost.
        """
        told = await self._link.request(
            lambda request: Prompt(request, key, text, how, chunks), Prompted
        )
        return PromptResult(told.first, told.full)

    async def step(
        self, key: str, info: WorldInfo, held: frozenset[str], axes: Mapping[str, float]
    ) -> StepResult:
        """The next chunk of the state `key` with these buttons held and these axes moved.

        Raises StepFailed (the state is as it was) and EngineLost.
        """
        slot = self._free.pop()
        try:
            done = await self._link.request(
                lambda request: Step(request, key, slot, sorted(held), dict(axes)), Done
            )
            return StepResult(done.chunk, done.ms / 1000, *self._memory.read(slot, info))
        finally:
            self._free.append(slot)

    def drop(self, key: str) -> None:
        """Forget the state `key`, if there is one."""
        self._link.send(Drop(key))

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        self._link.close()
        await _end(self._process)
        self._file.close()


class _Link(asyncio.Protocol):
    """The socket to the process: requests out, replies in."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[Ready | Refused] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.rare: set[int] = set()  # requests in flight that are no steps
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._next = 0
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            match message:
                case Ready() | Refused():
                    _settle(self.first, message)
                case Started(request) | Prompted(request) | Done(request):
                    self._answer(request, message)
                case Failed(request):
                    self._answer(request, _error(message))

    def connection_lost(self, exc: Exception | None) -> None:
        gone = EngineLost("the engine process has ended unexpectedly")
        _settle(self.first, gone)
        for reply in self._replies.values():
            _settle(reply, gone)
        self._replies.clear()
        self.rare.clear()
        self._transport = None
        _settle(self.lost, None)

    def send(self, message: WireMessage) -> None:
        if self._transport is not None:
            self._transport.write(encode(message))

    async def request(self, make: Callable[[int], Start | Prompt | Step], kind: type[_R]) -> _R:
        """Send a request, and its reply, which is of this kind."""
        if self._transport is None:
            raise EngineLost("the engine process is not running")
        self._next += 1
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[self._next] = reply
        message = make(self._next)
        if not isinstance(message, Step):
            self.rare.add(self._next)
        self.send(message)
        answer = await reply
        assert isinstance(answer, kind)
        return answer

    def _answer(self, request: int, result: Reply | Exception) -> None:
        self.rare.discard(request)
        _settle(self._replies.pop(request), result)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _settle(future: asyncio.Future[Any], result: object) -> None:
    """Set the result or exception, unless whoever waited has given up."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        future.exception()  # nobody has to be waiting
    else:
        future.set_result(result)


def _error(failed: Failed) -> Exception:
    if failed.kind == "PromptError":
        return PromptError(failed.words, failed.known)
    return StepFailed(f"{failed.kind}: {failed.message}")


def _nameless_file() -> IO[bytes]:
    memory = Path("/dev/shm")
    return tempfile.TemporaryFile(dir=memory if memory.is_dir() else None)


async def _end(process: Process) -> None:
    """The process ends by itself once the socket is closed; if it is busy it is killed."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
