"""One live world: an engine state, a media clock, a stream and whoever takes part, driven by
one task. The thin shell around `Lifecycle`, `Pacer`, `Seats` and `HeldInput`."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections import deque
from dataclasses import dataclass

from lightcone.model.interface import (
    FPS,
    PromptError,
    WorldInfo,
)
from lightcone.server.access.seats import (
    Seat,
    Seats,
)
from lightcone.server.control.describe import welcome
from lightcone.server.control.protocol import (
    MAX_ERROR_TEXT,
    Error,
    Input,
    Message,
    Ping,
    Pong,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Receipt,
    Role,
    Stall,
    Status,
    WorldPhase,
)
from lightcone.server.scheduling.input import Sample
from lightcone.server.scheduling.pacer import (
    RECENT,
    Pacer,
)
from lightcone.server.sessions.lifecycle import (
    Event,
    Lifecycle,
)
from lightcone.server.sessions.prompt_history import and_then
from lightcone.server.worker.host import (
    Engine,
    EngineError,
    EngineLost,
    PromptResult,
    StepResult,
)
from lightcone.streaming import (
    MediaClock,
    WorldStream,
)

GRACE_S = 0.005  # a chunk this late is sent at once without moving the clock: nobody can see it
TIMER_S = 0.001  # how exactly the loop can wait
MAX_PROMPTS = 4  # that wait for the model at once
NOTHING = Sample()

log = logging.getLogger("lightcone.world")


@dataclass(frozen=True)
class WorldOrigin:
    """What a world was made from; `chunk_s` is the time of a chunk at warm-up."""

    id: str
    info: WorldInfo
    chunk_s: float
    seed: int
    prompt: str


@dataclass(frozen=True)
class _Generated:
    """A chunk on its way out, and what it was made with."""

    result: StepResult
    seat: Seat | None  # who drove
    sample: Sample
    took: float  # seconds in the engine, there and back
    disturbed: bool  # it has waited there for something that is no step


class LiveWorld:
    """Runs while somebody watches. Lives on the running event loop.

    The engine must hold the state `origin.id`; this drops it at the end.
    """

    def __init__(
        self,
        origin: WorldOrigin,
        engine: Engine,
        clock: MediaClock,
        stream: WorldStream,
        step_timeout_s: float,
    ) -> None:
        self.origin = origin
        self.info = origin.info
        self.prompt = origin.prompt  # all that it was told
        self.stream = stream
        self.seats = Seats((button.name for button in self.info.buttons), self.info.axes)
        self.reason: str | None = None
        self.over = asyncio.Event()
        self._engine = engine
        self._clock = clock
        self._step_timeout_s = step_timeout_s
        self._loop = asyncio.get_running_loop()
        self._lifecycle = Lifecycle()
        self._pacer = Pacer(self.info.chunk_seconds, origin.chunk_s)
        self._model_s: deque[float] = deque([origin.chunk_s], maxlen=RECENT)
        self._next_chunk = 0
        self._prompting: set[asyncio.Task[None]] = set()
        self._watched = asyncio.Event()
        self._idle_since = self._loop.time()
        stream.on_viewers = self._on_viewers
        self._task = self._loop.create_task(self._run(), name=f"world {origin.id}")

    # what it is now

    @property
    def id(self) -> str:
        return self.origin.id

    @property
    def phase(self) -> WorldPhase:
        return self._lifecycle.phase

    @property
    def live(self) -> bool:
        return self._lifecycle.live

    @property
    def viewers(self) -> int:
        return self.stream.viewers

    @property
    def media_time(self) -> float:
        return self._clock.media_time(self._loop.time())

    def idle_s(self) -> float:
        """For how long nobody has watched or controlled it."""
        occupied = self.viewers > 0 or len(self.seats) > 0
        return 0.0 if occupied else self._loop.time() - self._idle_since

    def status(self, role: Role) -> Status:
        return Status(
            phase=self.phase,
            role=role,
            media_time=self.media_time,
            viewers=self.viewers,
            driver=self.seats.driver is not None,
            stalls=self._clock.stalls,
            stalled_ms=1000 * self._clock.stalled_s,
            chunk_ms=1000 * statistics.median(self._model_s),
            prompt=self.prompt,
            reason=self.reason,
        )

    # control clients

    def join(self, want: Role) -> Seat:
        seat = self.seats.join(want, self._loop.time())
        seat.outbox.put(welcome(self.id, self.info, seat.role))
        self._tell_status()
        log.info("%s: a %s takes part (%d in all)", self.id, seat.role, len(self.seats))
        return seat

    def leave(self, seat: Seat) -> None:
        role = seat.role
        self._idle_since = self._loop.time()
        self.seats.leave(seat, self._idle_since)
        self._tell_status()
        log.info("%s: a %s left (%d take part)", self.id, role, len(self.seats))

    def accept(self, seat: Seat, message: Input) -> None:
        """Raises ProtocolError."""
        if seat.input is None:
            raise ProtocolError("not_driver", "only the driver's input counts; you watch")
        seat.input.accept(message, self._loop.time())

    def accept_prompt(self, seat: Seat, message: Prompt) -> None:
        """The next chunks are of this prompt; its receipt, or an error, goes to `seat`. Raises
        ProtocolError."""
        if seat.input is None:
            raise ProtocolError("not_driver", "only the driver's prompts count; you watch")
        if len(self._prompting) >= MAX_PROMPTS:
            raise ProtocolError("too_many_prompts", f"{MAX_PROMPTS} prompts wait already")
        seat.input.take_number(message.seq)
        task = self._loop.create_task(self._tell_prompt(seat, message))
        self._prompting.add(task)
        task.add_done_callback(self._prompting.discard)

    def pong(self, ping: Ping) -> Pong:
        return Pong(t=ping.t, media_time=self.media_time)

    async def _tell_prompt(self, seat: Seat, message: Prompt) -> None:
        """Off the run: it reaches the model between two steps, in the order of the messages."""
        try:
            told = await self._engine.prompt(self.id, message.text, message.how, message.chunks)
        except PromptError as error:
            text = str(error)[:MAX_ERROR_TEXT]
            words, known = list(error.words), list(error.known)
            seat.outbox.put(
                Error(code="unknown_words", message=text, seq=message.seq, words=words, known=known)
            )
        except EngineError as error:
            text = str(error)[:MAX_ERROR_TEXT]
            seat.outbox.put(Error(code="prompt_failed", message=text, seq=message.seq))
        else:
            log.info("%s: prompt %r, from chunk %d on", self.id, message.text, told.first)
            self.prompt = and_then(self.prompt, message.text)
            seat.outbox.put(self._prompt_receipt(message, told))
            self._tell_status()

    def _prompt_receipt(self, message: Prompt, told: PromptResult) -> PromptReceipt:
        frame, full = (n * self.info.frames_per_chunk for n in (told.first, told.full))
        return PromptReceipt(
            seq=message.seq,
            t=message.t,
            frame=frame,
            media_time=frame / FPS,
            full_frame=full,
            full_media_time=full / FPS,
            text=message.text,
        )

    # its end

    async def end(self, reason: str) -> None:
        """Stop for good, hang up on everybody and forget the state."""
        await self._stop(Event.END, reason)
        log.info("%s: ended (%s)", self.id, reason)

    async def fail(self, reason: str) -> None:
        await self._stop(Event.FAIL, reason)
        log.error("%s: failed: %s", self.id, reason)

    async def _stop(self, event: Event, reason: str) -> None:
        self._lifecycle.fire(event)
        self.reason = reason
        self.stream.on_viewers = None
        self._clock.pause(self._loop.time())
        if self.phase == "failed":
            self._tell(Error(code="world_failed", message=reason, fatal=True))
        self._tell_status()
        self.over.set()
        self._engine.drop(self.id)
        if asyncio.current_task() is not self._task:
            self._task.cancel()
        await self.stream.close()

    # its run

    def _on_viewers(self, viewers: int) -> None:
        now = self._loop.time()
        if viewers and not self._watched.is_set():
            self._watched.set()
            if self._lifecycle.allows(Event.WATCHED):
                self._clock.resume(now)
                self._fire(Event.WATCHED)
        elif not viewers:
            self._watched.clear()
            self._idle_since = now
            if self._lifecycle.allows(Event.UNWATCHED):
                self._clock.pause(now)
                self._fire(Event.UNWATCHED)
        log.info("%s: %d watch", self.id, viewers)
        self._tell_status()

    async def _run(self) -> None:
        try:
            while True:
                chunk = await self._generate()
                await self._watched.wait()
                self._deliver(chunk)
        except EngineLost:
            # whoever owns the engine is told by the engine and fails every world on it
            return
        except TimeoutError:
            self._engine.kill()
        except EngineError as error:
            await self.fail(str(error))
        except Exception as error:
            log.exception("%s: a defect", self.id)
            await self.fail(f"{type(error).__name__}: {error}")

    async def _generate(self) -> _Generated:
        """The next chunk, started just in time with what is held at that moment."""
        frame = self._next_chunk * self.info.frames_per_chunk
        await self._until_start(frame)
        seat = self.seats.driver
        held = None if seat is None else seat.input
        started = self._loop.time()
        sample = NOTHING if held is None else held.sample(started)
        disturbed = self._engine.disturbed
        async with asyncio.timeout(self._step_timeout_s):
            result = await self._engine.step(self.id, self.info, sample.held, sample.axes)
        self._next_chunk += 1
        return _Generated(result, seat, sample, self._loop.time() - started, disturbed)

    async def _until_start(self, frame: int) -> None:
        """Until it is time to start the chunk of `frame`, and somebody watches. A pause moves
        that time, so it is looked at again after every wait."""
        while True:
            await self._watched.wait()
            if frame == 0:
                return
            wait = self._pacer.start_at(self._clock.due(frame)) - self._loop.time()
            if wait < TIMER_S:
                return
            await asyncio.sleep(wait)

    def _deliver(self, chunk: _Generated) -> None:
        frame = chunk.result.index * self.info.frames_per_chunk
        before = self._loop.time()
        due = self._clock.due(frame)
        held = self._clock.hold(frame, before) if before > due + GRACE_S else 0.0
        self.stream.push(frame, chunk.result.frames, chunk.result.sound)
        sent = self._loop.time()
        if frame == 0:
            self._clock.start(sent)
            self._fire(Event.FIRST_CHUNK)
        if chunk.seat is not None:
            for seq, t in chunk.sample.carried:
                receipt = Receipt(seq=seq, t=t, frame=frame, media_time=frame / FPS)
                chunk.seat.outbox.put(receipt)
        if not chunk.disturbed:
            self._pacer.record(took=chunk.took + sent - before, late=sent - due)
        self._model_s.append(chunk.result.model_s)
        if held:
            log.debug("%s: frame %d came %.1f ms late", self.id, frame, 1000 * held)
            self._tell(Stall(media_time=frame / FPS, held_ms=1000 * held))
        if held or frame % FPS < self.info.frames_per_chunk:
            self._tell_status()

    def _fire(self, event: Event) -> None:
        log.info("%s: %s", self.id, self._lifecycle.fire(event))

    def _tell(self, message: Message) -> None:
        for seat in self.seats:
            seat.outbox.put(message)

    def _tell_status(self) -> None:
        for seat in self.seats:
            seat.outbox.put(self.status(seat.role))
