"""A session's state in its worker: what is asked of it, what it reports, and what is kept here so
that another worker can go on with it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from typing import Literal, Protocol

import msgspec

from lightcone.model.interface import How, WorldInfo
from lightcone.server.errors import LightconeError
from lightcone.server.outward import outward
from lightcone.server.scheduling.degradation import LevelName, level_of
from lightcone.server.sessions.recovery.rolling import Kept, RollingSnapshots
from lightcone.server.sessions.session_log import SessionLog
from lightcone.server.sessions.shown import Shown
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import RewindError, error_of
from lightcone.server.worker.host import WorkerHost

RECENT = 48  # chunks and pictures that medians look back on
CLOCK_JUMP_S = 1.0  # no message is so long under way; a wall clock was set in between
MAX_INPUTS = 512  # that wait for a worker; of more, the oldest are forgotten


class Restoring(LightconeError):
    """The session waits for a new worker."""


class TooFarBack(LightconeError):
    """No snapshot reaches back that far, or the session has not come that far."""


class Listener(Protocol):
    """Who wants to know what the worker reports."""

    def on_packet(self, packet: wire.Picture | wire.Sound) -> None: ...

    def on_made(self, made: wire.Made) -> None: ...

    def on_changed(self) -> None:
        """Something in the status is new."""
        ...

    def on_worker(self) -> None:
        """There is a worker from now on, which has to know who watches."""
        ...

    def on_failed(self, reason: str) -> None: ...


class RemoteState:
    """Of one session, with its snapshots of the last `history_s` of world time."""

    def __init__(
        self,
        session: str,
        info: WorldInfo,
        sending: wire.Sending,
        history_s: float,
        action_log: SessionLog,
        listener: Listener,
    ) -> None:
        self.shown = Shown()
        self.rolling = RollingSnapshots(info.fps, history_s)
        self.level = wire.Level(session, 0, 1.0, False)
        self.prompt = ""  # all so far as one
        self.deadline_misses = 0  # chunks that came late
        self.held_s = 0.0  # for which the clock was held
        self.log = action_log
        self.worker: WorkerHost | None = None
        self._session = session
        self._info = info
        self._first_sending = sending
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._step_ms: deque[float] = deque(maxlen=RECENT)
        self._encode_ms: deque[float] = deque(maxlen=RECENT)
        self._inputs: deque[wire.Input] = deque(maxlen=MAX_INPUTS)

    @property
    def chunk_ms(self) -> float:
        """Median time of the recent steps, 0 before the first."""
        return statistics.median(self._step_ms) if self._step_ms else 0.0

    @property
    def encode_ms(self) -> float:
        """Median time of encoding one of the recent pictures, 0 before the first."""
        return statistics.median(self._encode_ms) if self._encode_ms else 0.0

    @property
    def level_name(self) -> LevelName:
        level = self.level
        return level_of(level.steps, level.full_steps, level.rate, level.overloaded)

    # its worker

    def begin(self, worker: WorkerHost, opened: wire.Opened) -> None:
        """The worker holds the state. It stands until somebody watches."""
        self._adopt(worker, opened)

    def lose(self) -> None:
        """The worker is gone, and with it all that was held."""
        self.worker = None
        self._inputs.clear()
        self.shown.stop(self._loop.time())

    async def restore(self, worker: WorkerHost) -> None:
        """Go on in another worker from the newest snapshot; the stream continues after what was
        sent last. Raises WorkerError and SnapshotError."""
        kept = self.rolling.newest
        assert kept is not None, "a session has a snapshot from its first moment on"
        await self._restore(worker, kept, crash=True)

    def drop(self) -> None:
        """Nothing of it is needed any more."""
        self.shown.stop(self._loop.time())
        if self.worker is not None:
            self.worker.drop(self._session)
            self.worker = None
        self.rolling.clear()

    def working(self) -> WorkerHost:
        """Raises Restoring."""
        if self.worker is None:
            raise Restoring("the session waits for a new worker; try again in a moment")
        return self.worker

    # what is asked of it

    def input(self, message: wire.Input) -> None:
        """What is held from now on; while there is no worker, it waits for one."""
        if self.worker is None:
            self._inputs.append(message)
        else:
            self.worker.input(message)

    def release(self) -> None:
        """Nobody holds anything."""
        self._inputs.clear()
        if self.worker is not None:
            self.worker.release(self._session)

    async def condition(self, text: str, how: How, chunks: int) -> wire.Conditioned:
        """Raises PromptError, WorkerError and Restoring."""
        return await self.working().condition(self._session, text, how, chunks)

    async def rewind(
        self, action: Literal["start", "stop", "to"], world_frame: int
    ) -> wire.Rewound:
        """Raises TooFarBack, WorkerError and Restoring."""
        worker = self.working()
        if action == "to" and world_frame > self.shown.last_frame:
            raise TooFarBack(f"the session has not come to frame {world_frame} yet")
        try:
            return await worker.rewind(self._session, action, world_frame)
        except RewindError as error:
            # a worker that was started after a crash does not reach back as far as we do
            kept = self.rolling.at(world_frame) if action == "to" else None
            if kept is None:
                raise TooFarBack(str(error)) from error
        worker.drop(self._session)
        sending = self._sending()
        opened = await self._restore(worker, kept, crash=False)
        return wire.Rewound(0, opened.world_frame, sending.stream_frame, sending.media_time)

    async def save(self) -> bytes:
        """A snapshot of now. Raises WorkerError and Restoring."""
        return await self.working().save(self._session)

    # what it reports

    def receive(self, message: wire.OfSession) -> None:
        match message:
            case wire.Picture():
                self.shown.sent(message.stream_frame + 1, 0.0)
                self._encode_ms.append(message.encode_ms)
                self._listener.on_packet(message)
            case wire.Sound():
                self._listener.on_packet(message)
            case wire.Clock():
                ahead = message.wall - time.time()
                ahead = ahead if abs(ahead) < CLOCK_JUMP_S else 0.0
                self.shown.clock(message, self._loop.time() + ahead)
                self._listener.on_changed()
            case wire.Made():
                self.shown.made(message, 1 / (self._info.fps * self.level.rate))
                self.log.made(message)
                self._step_ms.append(message.step_ms)
                self.deadline_misses += message.held_s > 0
                self.held_s += message.held_s
                self._listener.on_made(message)
            case wire.Prompted():
                self.prompt = message.prompt
                self.log.prompted(message)
                self._listener.on_changed()
            case wire.WentBack():
                self._go_back(message.world_frame)
                self.prompt = message.prompt
                self._listener.on_changed()
            case wire.RunningBack():
                self.shown.went_to(message.world_frame)
                self._listener.on_changed()
            case wire.Level():
                self.level = message
                self._listener.on_changed()
            case wire.Kept():
                self.rolling.add(message.world_frame, message.snapshot)
            case wire.SessionFailed():
                failed = wire.Failed(0, message.kind, message.message)
                self._listener.on_failed(outward(error_of(failed)))

    # inside

    async def _restore(self, worker: WorkerHost, kept: Kept, crash: bool) -> wire.Opened:
        opened = await worker.restore(self._session, kept.snapshot, self._sending())
        self._go_back(opened.world_frame, crash)
        self._adopt(worker, opened)
        return opened

    def _adopt(self, worker: WorkerHost, opened: wire.Opened) -> None:
        self.worker = worker
        self.prompt = opened.prompt
        self.shown.went_to(opened.world_frame)
        self.rolling.add(opened.world_frame, opened.snapshot)
        for waiting in self._inputs:
            worker.input(waiting)
        self._inputs.clear()
        self._listener.on_worker()

    def _go_back(self, world_frame: int, crash: bool = False) -> None:
        kept = self.rolling.at(world_frame)
        exact = kept is not None and kept.world_frame == world_frame
        self.log.went_back(world_frame, kept.snapshot if kept and exact else None, crash)
        self.rolling.go_back(world_frame)
        self.shown.went_to(world_frame)

    def _sending(self) -> wire.Sending:
        """Where the stream goes on."""
        return msgspec.structs.replace(
            self._first_sending,
            stream_frame=self.shown.next_stream_frame,
            media_time=self.shown.next_media_time,
        )
