"""A world on an engine and a stream that note what happens when, for virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lightcone.model.families.probe.model import PROBE
from lightcone.model.interface import (
    How,
    PromptError,
    WorldInfo,
)
from lightcone.server.access.seats import Seat
from lightcone.server.control.protocol import decode_server
from lightcone.server.scheduling.pacer import FIRST
from lightcone.server.sessions.session import (
    LiveWorld,
    WorldOrigin,
)
from lightcone.server.worker.host import (
    PromptResult,
    StepFailed,
    StepResult,
)
from lightcone.streaming import MediaClock

CHUNK_S = PROBE.chunk_seconds


class NotingEngine:
    """Steps take `compute_s`; keeps (start, held) of each."""

    def __init__(self, compute_s: float) -> None:
        self.compute_s = compute_s
        self.steps: list[tuple[float, frozenset[str]]] = []
        self.axes: list[Mapping[str, float]] = []
        self.prompts: list[str] = []
        self.prompt_s = 0.0
        self.starting = False  # another world
        self._prompting = 0
        self.dropped: list[str] = []
        self.failure: Exception | None = None
        self.killed = False

    @property
    def disturbed(self) -> bool:
        return self.starting or self._prompting > 0

    async def prompt(self, key: str, text: str, how: How, chunks: int) -> PromptResult:
        self._prompting += 1
        await asyncio.sleep(self.prompt_s)
        self._prompting -= 1
        if text == "moon":
            raise PromptError(["moon"], ["red"])
        if text == "fail":
            raise StepFailed("RuntimeError: no")
        self.prompts.append(text)
        first = len(self.steps)
        return PromptResult(first, first + (chunks - 1 if how == "blend" else 0))

    async def step(
        self, key: str, info: WorldInfo, held: frozenset[str], axes: Mapping[str, float]
    ) -> StepResult:
        self.steps.append((asyncio.get_running_loop().time(), held))
        self.axes.append(axes)
        await asyncio.sleep(self.compute_s)
        if self.failure is not None:
            raise self.failure
        frames = np.zeros((PROBE.frames_per_chunk, PROBE.height, PROBE.width, 3), np.uint8)
        sound = np.zeros(PROBE.samples_per_chunk, np.float32)
        return StepResult(len(self.steps) - 1, self.compute_s, frames, sound)

    def drop(self, key: str) -> None:
        self.dropped.append(key)

    def kill(self) -> None:
        self.killed = True


class NotingStream:
    """Keeps (time, lateness) of each chunk."""

    def __init__(self, clock: MediaClock) -> None:
        self.viewers = 0
        self.on_viewers: Callable[[int], None] | None = None
        self.pushed: list[tuple[float, float]] = []
        self.closed = False
        self._clock = clock

    def push(self, first_frame: int, frames: Any, sound: Any) -> None:
        assert first_frame == len(self.pushed) * PROBE.frames_per_chunk
        now = asyncio.get_running_loop().time()
        self.pushed.append((now, now - self._clock.due(first_frame)))

    def watch(self, viewers: int) -> None:
        self.viewers = viewers
        if self.on_viewers is not None:
            self.on_viewers(viewers)

    async def close(self) -> None:
        self.closed = True


class Stage:
    def __init__(self, compute_s: float = 0.02) -> None:
        self.clock = MediaClock()
        self.engine = NotingEngine(compute_s)
        self.stream = NotingStream(self.clock)
        self.world = LiveWorld(
            # so that the first prediction is right
            WorldOrigin("w", PROBE, compute_s / FIRST, 7, ""),
            self.engine,  # type: ignore[arg-type]
            self.clock,
            self.stream,  # type: ignore[arg-type]
            step_timeout_s=5.0,
        )

    def due(self, chunk: int) -> float:
        return self.clock.due(chunk * PROBE.frames_per_chunk)


def received(seat: Seat) -> list[Any]:
    return [decode_server(data) for data in seat.outbox.take()]
