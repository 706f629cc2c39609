"""The engine process: opens one world and steps it for the server.

Run as `python -m server.worker SOCKET_FD MEMORY_FD`. It ends when the server closes the
socket, in whatever way the server ended.
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
from pathlib import Path
from statistics import median
from typing import Any

from model.interface import Chunk, ModelError, PromptError, World
from model.registry import open_world
from server.wire import (
    ChunkMemory,
    Decoder,
    Done,
    Drop,
    Failed,
    Load,
    Message,
    Ready,
    Refused,
    Start,
    Step,
    encode,
    info_to_wire,
)

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
        world = open_world(
            load.world,
            weights=Path(load.weights),
            steps=load.steps,
            device=load.device,
            probe_compute_ms=load.probe_compute_ms,
        )
        chunk_ms = _warm_up(world)
    except ModelError as error:
        server.sendall(encode(Refused(type(error).__name__, str(error))))
        return
    except Exception as error:
        log.exception("'%s' can not be opened", load.world)
        reason = f"'{load.world}' can not be opened: {type(error).__name__}: {error}"
        server.sendall(encode(Refused(type(error).__name__, reason.splitlines()[0])))
        return
    memory = ChunkMemory(int(sys.argv[2]), world.info, load.slots)
    gc.collect()
    gc.freeze()  # the model is never garbage: collections stay short
    server.sendall(encode(Ready(info_to_wire(world.info), chunk_ms)))
    engine = _Engine(world, memory)
    with contextlib.suppress(BrokenPipeError):  # the server is gone, and so is the work
        for message in messages:
            reply = engine.handle(message)
            if reply is not None:
                server.sendall(encode(reply))


def _receive(server: socket.socket) -> Iterator[Message]:
    decoder = Decoder()
    while data := server.recv(65536):
        yield from decoder.feed(data)


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


class _Engine:
    def __init__(self, world: World, memory: ChunkMemory) -> None:
        self._world = world
        self._memory = memory
        self._states: dict[str, Any] = {}

    def handle(self, message: Message) -> Done | Failed | None:
        match message:
            case Drop(key):
                self._states.pop(key, None)
                return None
            case Start(request) | Step(request):
                try:
                    return self._answer(message)
                except PromptError as error:
                    words, known = list(error.words), list(error.known)
                    return Failed(request, "PromptError", str(error), words, known)
                except Exception as error:  # a failed step must not end the other worlds
                    log.exception("a request failed")
                    return Failed(request, type(error).__name__, str(error), [], [])
        raise TypeError(f"not a request: {message!r}")

    def _answer(self, message: Start | Step) -> Done:
        before = time.perf_counter()
        index = 0
        if isinstance(message, Start):
            self._states[message.key] = self._world.start(message.seed, message.prompt)
        else:
            chunk = self._step(message)
            index = chunk.index
        return Done(message.request, index, 1000 * (time.perf_counter() - before))

    def _step(self, message: Step) -> Chunk:
        info = self._world.info
        held = info.actions([info.buttons[i].name for i in message.held])
        [state], [chunk] = self._world.step([self._states[message.key]], [held])
        self._memory.write(message.slot, chunk.frames, chunk.sound)
        self._states[message.key] = state
        return chunk


if __name__ == "__main__":
    main()
