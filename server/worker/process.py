"""The engine process: opens worlds and steps them for the server.

Run as `python -m lightcone.server.worker.process SOCKET_FD MEMORY_FD`. It ends when the server
closes the socket, in whatever way the server ended.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightcone.model.catalogue import (
    LEARNED_WORLDS,
    WEIGHTS_DIR,
    open_world,
    world_info,
)
from lightcone.model.interface import (
    ModelError,
    PromptError,
    World,
    WorldInfo,
)
from lightcone.server.worker.messages import (
    ChunkMemory,
    Decoder,
    Done,
    Drop,
    Failed,
    Load,
    Message,
    Prompt,
    Prompted,
    Ready,
    Refused,
    Reply,
    Start,
    Started,
    Step,
    encode,
    info_to_wire,
)

if TYPE_CHECKING:
    from lightcone.model.families.staged.weights import Weights

WARM_UP_CHUNKS = 6

log = logging.getLogger("lightcone.engine")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = socket.socket(fileno=int(sys.argv[1]))
    messages = _receive(server)
    load = next(messages, None)
    if not isinstance(load, Load):
        return
    try:
        infos = [world_info(name, Path(load.weights)) for name in load.worlds]
        worlds = _Worlds(load)
        first = worlds.open(load.worlds[0])
    except ModelError as error:
        server.sendall(encode(Refused(type(error).__name__, str(error))))
        return
    except Exception as error:
        log.exception("'%s' can not be opened", load.worlds[0])
        reason = f"'{load.worlds[0]}' can not be opened: {type(error).__name__}: {error}"
        server.sendall(encode(Refused(type(error).__name__, reason.splitlines()[0])))
        return
    memory = ChunkMemory(int(sys.argv[2]), infos, load.slots)
    server.sendall(encode(Ready([info_to_wire(info) for info in infos], first.chunk_ms)))
    engine = _Engine(worlds, memory)
    with contextlib.suppress(BrokenPipeError):  # the server is gone, and so is the work
        for message in messages:
            reply = engine.handle(message)
            if reply is not None:
                server.sendall(encode(reply))


def _receive(server: socket.socket) -> Iterator[Message]:
    decoder = Decoder()
    while data := server.recv(65536):
        yield from decoder.feed(data)


@dataclass(frozen=True)
class _Open:
    """A world, warm, and the median time of a chunk."""

    world: World
    chunk_ms: float


class _Worlds:
    """Opens what was asked for, each once and when it is needed; their weights are shared."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._open: dict[str, _Open] = {}

    def open(self, name: str) -> _Open:
        if name not in self._open:
            world = open_world(
                name,
                weights=self._weights if name in LEARNED_WORLDS else WEIGHTS_DIR,
                steps=self._load.steps,
                device=self._load.device,
                probe_compute_ms=self._load.probe_compute_ms,
            )
            self._open[name] = _Open(world, _warm_up(world))
            gc.collect()
            gc.freeze()  # a model is never garbage: collections stay short
        return self._open[name]

    @cached_property
    def _weights(self) -> Weights:
        """Raises WeightsError."""
        from lightcone.model.families.staged.weights import Weights

        return Weights.load(Path(self._load.weights))


def _warm_up(world: World) -> float:
    """Median ms of a chunk, the first ones apart."""
    state = world.start(seed=0)
    held = world.info.actions([])
    times = []
    for _ in range(WARM_UP_CHUNKS):
        before = time.perf_counter()
        [state], _ = world.step([state], [held])
        times.append(1000 * (time.perf_counter() - before))
    return median(times[WARM_UP_CHUNKS // 2 :])


@dataclass(frozen=True)
class _Running:
    """One world's state, which chunk `chunk` comes from."""

    world: World
    state: Any
    chunk: int = 0


class _Engine:
    def __init__(self, worlds: _Worlds, memory: ChunkMemory) -> None:
        self._worlds = worlds
        self._memory = memory
        self._running: dict[str, _Running] = {}

    def handle(self, message: Message) -> Reply | Failed | None:
        match message:
            case Drop(key):
                self._running.pop(key, None)
                return None
            case Start(request) | Prompt(request) | Step(request):
                try:
                    return self._answer(message)
                except PromptError as error:
                    words, known = list(error.words), list(error.known)
                    return Failed(request, "PromptError", str(error), words, known)
                except Exception as error:  # a failed step must not end the other worlds
                    log.exception("a request failed")
                    return Failed(request, type(error).__name__, str(error), [], [])
        raise TypeError(f"not a request: {message!r}")

    def _answer(self, message: Start | Prompt | Step) -> Reply:
        match message:
            case Start():
                return self._start(message)
            case Prompt():
                return self._prompt(message)
            case Step():
                return self._step(message)

    def _start(self, message: Start) -> Started:
        opened = self._worlds.open(message.world)
        world = opened.world
        image = None if message.image is None else _picture(message.image, world.info)
        state = world.start(message.seed, message.prompt, image)
        self._running[message.key] = _Running(world, state)
        return Started(message.request, opened.chunk_ms)

    def _prompt(self, message: Prompt) -> Prompted:
        at = self._running[message.key]
        state, full = at.world.prompt(at.state, message.text, message.how, message.chunks)
        self._running[message.key] = _Running(at.world, state, at.chunk)
        return Prompted(message.request, at.chunk, full)

    def _step(self, message: Step) -> Done:
        before = time.perf_counter()
        at = self._running[message.key]
        actions = at.world.info.actions(message.held, message.axes)
        [state], [chunk] = at.world.step([at.state], [actions])
        self._memory.write(message.slot, at.world.info, chunk.frames, chunk.sound)
        self._running[message.key] = _Running(at.world, state, chunk.index + 1)
        return Done(message.request, chunk.index, 1000 * (time.perf_counter() - before))


def _picture(image: bytes, info: WorldInfo) -> NDArray[np.uint8]:
    return np.frombuffer(image, np.uint8).reshape(info.height, info.width, 3).copy()


if __name__ == "__main__":
    main()
