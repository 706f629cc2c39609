"""Workers without a process, a model or an encoder: they keep which states they hold, and answer
in no time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightcone.model.families.probe.variants import PROBE
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import UnknownSession, WorkerLost

COST = wire.StepCost({1: 1.0, 2: 1.0, 4: 1.0}, 0.1, 1000)
READY = wire.Ready([PROBE], {PROBE.name: COST}, {PROBE.name: "f"}, 0.0)
FRAMES = 2  # of a chunk


@dataclass
class State:
    """A session in a worker."""

    frame: int
    stream_frame: int = 0
    running: bool = False
    driven: bool = False


class PretendHost:
    """In place of a `WorkerHost`."""

    ready = READY
    pid = 1

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_message: Any = None
        self.states: dict[str, State] = {}
        self.unknown: list[str] = []  # sessions that were asked for and are not here

    @classmethod
    async def launch(cls, load: wire.Load) -> PretendHost:
        return cls()

    async def open_world(self, world: str) -> wire.WorldOpened:
        return wire.WorldOpened(1, world, COST, "f")

    async def open(
        self, session: str, world: str, seed: int, prompt: str, image: Any, sending: wire.Sending
    ) -> wire.Opened:
        return await self._begin(session, 0, sending)

    async def restore(self, session: str, snapshot: bytes, sending: wire.Sending) -> wire.Opened:
        return await self._begin(session, int(snapshot), sending)

    async def fork(self, session: str, new: str, sending: wire.Sending) -> wire.Opened:
        return await self._begin(new, self._state(session).frame, sending)

    async def save(self, session: str) -> bytes:
        await self._answer()
        return b"%d" % self._state(session).frame

    def watch(self, session: str, run: bool, codecs: Sequence[str], sound: bool = True) -> None:
        if state := self._notified(session):
            state.running = run

    def drive(self, session: str, driven: bool) -> None:
        if state := self._notified(session):
            state.driven = driven

    def release(self, session: str) -> None:
        self._notified(session)

    def keyframe(self, session: str, codec: str) -> None:
        self._notified(session)

    def drop(self, session: str) -> None:
        self.states.pop(session, None)

    async def close(self) -> None:
        self.kill()

    def kill(self) -> None:
        self.states.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def make(self, session: str, keep: bool) -> None:
        """A chunk of a session that runs, and with `keep` a snapshot after it."""
        state = self.states[session]
        made = wire.Made(
            session, state.frame, FRAMES, state.stream_frame, state.stream_frame / 24,
            np.zeros((FRAMES, PROBE.controls), np.float32).tobytes(),
            1, 0, 1, 1, b"d", 1.0, 0.0, [],
        )  # fmt: skip
        state.frame += FRAMES
        state.stream_frame += FRAMES
        self.on_message(wire.Clock(session, True, made.media_time, time.time(), 0, 0.0))
        self.on_message(made)
        if keep:
            self.on_message(wire.Kept(session, state.frame, b"%d" % state.frame, 0.1))

    def fail(self, session: str) -> None:
        """The model can not go on with it."""
        del self.states[session]
        self.on_message(wire.SessionFailed(session, "ModelError", "no"))

    async def _begin(self, session: str, frame: int, sending: wire.Sending) -> wire.Opened:
        await self._answer()
        self.states[session] = State(frame, sending.stream_frame)
        return wire.Opened(1, session, PROBE.name, frame, b"%d" % frame, "")

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.lost.done():
            raise WorkerLost("the worker is lost")

    def _state(self, session: str) -> State:
        if session not in self.states:
            raise UnknownSession(session)
        return self.states[session]

    def _notified(self, session: str) -> State | None:
        if session not in self.states:
            self.unknown.append(session)
        return self.states.get(session)


class MemoryStore:
    """Snapshots in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def keep(self, snapshot: bytes) -> Any:
        id = f"kept{len(self.kept)}"
        self.kept[id] = snapshot
        return Stored(id)


@dataclass(frozen=True)
class Stored:
    id: str
