"""One session in the worker: its state, clock, inputs and stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lightcone.model.interface import Chunk, Image, WorldInfo
from lightcone.model.recordings.session import Played, SessionRecorder
from lightcone.server.scheduling.batches import GRACE_S
from lightcone.server.scheduling.degradation import Degradation, Standing
from lightcone.server.scheduling.input import HeldInput, Sample
from lightcone.server.scheduling.pacer import Pacer
from lightcone.server.scheduling.trials import Trial
from lightcone.server.worker.sessions.backwards import Backwards
from lightcone.server.worker.sessions.history import History, Moment
from lightcone.server.worker.worlds import OpenWorld
from lightcone.streaming import MediaClock, Transmitter


@dataclass
class Making:
    """The chunk that is being made, and what of it has been pushed already. It outlives a step
    that fails, so that the next attempt has the same inputs."""

    frame: int  # its first world frame
    frames: int
    sample: Sample
    pushed: int = 0
    stream_frame: int = 0
    media_time: float = 0.0
    held_s: float = 0.0
    picture: Image | None = None


@dataclass(eq=False)
class Session:
    """Lives on the running event loop, which alone changes it."""

    id: str
    world: OpenWorld
    now: Moment
    history: History
    input: HeldInput
    clock: MediaClock
    transmitter: Transmitter
    recorder: SessionRecorder | None = None  # of what is played, while somebody drives
    running: bool = False
    making: Making | None = None
    stepping: bool = False
    backwards: Backwards | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # of what is asked of it, in order
    excluded: bool = False  # a conditioning takes long: no batch waits for it
    ready_at: float = 0.0  # since when its next chunk could be started
    trial: Trial[Session] | None = None
    own_ladder: Degradation | None = None  # while it is on trial, as is the pacer
    own_pacer: Pacer | None = None
    standing: Standing | None = None  # what the server knows
    gone: bool = False
    went_back: int = 0  # how often
    keeping: bool = False  # a moment for its history is being made
    _claims: int = 0
    _at_rest: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def shown(self) -> Moment:
        """Where it is: the present, or as far back as it has run."""
        return self.now if self.backwards is None else self.backwards.moment

    @property
    def ladder(self) -> Degradation:
        return self.own_ladder or self.world.ladder

    def pacer(self, sessions: int) -> Pacer:
        """Of its next chunk, in a batch of so many."""
        steps = self.ladder.standing.rung.steps
        return self.own_pacer or self.world.pacer(self.frames, steps, sessions)

    # a candidate for a batch

    @property
    def frames(self) -> int:
        """Of the next chunk."""
        return self.world.info.frames_of(self.now.state.chunk)

    @property
    def group(self) -> tuple[str, int]:
        return self.world.name, self.frames

    @property
    def due(self) -> float:
        return self.clock.due(self.transmitter.next_media_time)

    @property
    def frame_s(self) -> float:
        """Media time of a frame."""
        return 1 / (self.world.info.fps * float(self.ladder.standing.rung.rate))

    @property
    def chunk_s(self) -> float:
        return self.frames * self.frame_s

    @property
    def waits(self) -> bool:
        """Its next chunk is to be made."""
        busy = self.stepping or self.excluded or self.backwards is not None
        return self.running and not busy and not self.gone

    @property
    def claimed(self) -> bool:
        return self._claims > 0

    @property
    def to_grid_s(self) -> float:
        """From its next chunk until all of its chunks are equally long."""
        lengths = self.world.info.chunk_frames
        return sum(lengths[self.now.state.chunk : -1]) * self.frame_s

    # between steps

    @asynccontextmanager
    async def between_steps(self) -> AsyncIterator[None]:
        """No step of it is under way, and none begins meanwhile; its lane has to be woken after."""
        self._claims += 1
        try:
            while self.stepping:
                rest: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._at_rest.append(rest)
                await rest
            yield
        finally:
            self._claims -= 1

    def rest(self) -> None:
        """The step that was under way is over."""
        self.stepping = False
        waiting, self._at_rest = self._at_rest, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    # its chunks

    def begin_chunk(self, now: float) -> Making:
        """Latches the inputs, unless an attempt has done so already."""
        if self.making is None:
            frame, frames = self.now.frame, self.frames
            sample = self.input.sample(now, frames, 1 / self.frame_s)
            self.making = Making(frame, frames, sample)
        return self.making

    def deliver(self, part: Chunk, now: float) -> None:
        """A part of the chunk that is being made; the clock is held where it is late. What an
        earlier attempt has delivered already is left out."""
        making = self.making
        if making is None or self.gone:
            return
        part = _from(part, making.frame + making.pushed, self.world.info)
        if not len(part.frames):
            return
        media_time = self.transmitter.next_media_time
        if now > self.clock.due(media_time) + GRACE_S:
            making.held_s += self.clock.hold(media_time, now)
        stream_frame, media_time = self.transmitter.push(part.frames, part.sound)
        if self.recorder is not None:
            rows = making.sample.actions[making.pushed : making.pushed + len(part.frames)]
            self.recorder.take(Played(part, rows, self.now.prompt))
        if making.pushed == 0:
            making.stream_frame, making.media_time = stream_frame, media_time
        making.pushed += len(part.frames)
        making.picture = part.frames[-1]

    def end_chunk(self, state: object) -> Making:
        """The chunk is made; `state` comes after it."""
        making, self.making = self.making, None
        assert making is not None
        self.now = Moment(state, self.now.prompt, making.picture)
        return making


def _from(part: Chunk, frame: int, info: WorldInfo) -> Chunk:
    """What is left of a part from a world frame on."""
    known = frame - part.first_frame
    if known <= 0:
        return part
    sound = part.sound
    if sound is not None:
        sound = sound[info.samples(part.first_frame, known) :]
    starts = part.starts if part.starts is not None and part.starts.frame >= frame else None
    return Chunk(frame, part.frames[known:], sound, starts)
