"""One session as the server has it: its phase, who takes part, who watches, and what is recorded.
The thin shell around `Lifecycle`, `Participants`, `RemoteState` and the stream."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from typing import Any, Literal

from lightcone.model.interface import How
from lightcone.server.access.seats import Seat
from lightcone.server.control.outbox import Goodbye, Outbox
from lightcone.server.control.protocol import (
    CLOSE_SESSION_ENDED,
    CLOSE_SESSION_FAILED,
    CloseCode,
    Error,
    Hello,
    Input,
    Phase,
    Role,
    Stall,
    Status,
)
from lightcone.server.sessions import reports
from lightcone.server.sessions.lifecycle import Event, Lifecycle
from lightcone.server.sessions.origin import Origin, SessionOver, SessionRules
from lightcone.server.sessions.packets import LANES, encoded
from lightcone.server.sessions.participants import Participants
from lightcone.server.sessions.presence import Presence
from lightcone.server.sessions.recording import Recording
from lightcone.server.sessions.remote_state import RemoteState
from lightcone.server.sessions.session_log import SessionLog
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker import messages as wire
from lightcone.server.worker.host import WorkerHost
from lightcone.streaming import Lane, SessionStream

log = get_logger("lightcone.session")


class Session:
    """Lives on the running event loop. `on_idle` is called when nobody has been there for a
    while, `on_second` about once in a second of its stream, `on_over` when it has ended or
    failed."""

    def __init__(
        self, origin: Origin, rules: SessionRules, stream: SessionStream, action_log: SessionLog
    ) -> None:
        self.origin = origin
        self.info = origin.info
        self.stream = stream
        self.log = action_log
        self._logger = log.bind(session=origin.id)
        self.reason: str | None = None
        self.recording: Recording | None = None
        self.participants = Participants(rules.seats, self._status, self._release, self._drive)
        self.on_idle: Callable[[Session], None] | None = None
        self.on_over: Callable[[Session], None] | None = None
        self.on_second: Callable[[Session], None] | None = None
        self.rules = rules
        self._loop = asyncio.get_running_loop()
        self._lifecycle = Lifecycle()
        self.state = RemoteState(
            origin.id,
            origin.info,
            rules.sending,
            rules.history_s,
            action_log,
            self,
        )
        self.waiting: Counter[str] = Counter()  # prompts and rewinds that were not answered yet
        self._lanes: Mapping[Lane, int] = {}  # bits a second
        self._sound_heard = False
        self._status_second = -1  # media time of the last regular status
        self._presence = Presence(rules.idle_s, lambda: bool(stream.occupancy), self._report_idle)
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()  # not being restored
        self._settled.set()
        stream.on_viewer = self._on_viewer
        stream.on_viewers = self._on_viewers
        stream.on_lanes = self._on_lanes
        stream.on_keyframe_wanted = self._on_keyframe_wanted
        self._note_presence()

    # what it is now

    @property
    def id(self) -> str:
        return self.origin.id

    @property
    def phase(self) -> Phase:
        return self._lifecycle.phase

    @property
    def live(self) -> bool:
        return self._lifecycle.live

    @property
    def worker(self) -> WorkerHost | None:
        """None while it waits for another one, and once it is over."""
        return self.state.worker

    @property
    def viewers(self) -> int:
        return self.stream.viewers

    @property
    def media_time(self) -> float:
        return self.state.shown.media_time(self._loop.time())

    @property
    def world_frame(self) -> int:
        return self.state.shown.world_frame(self._loop.time())

    @property
    def encoded(self) -> Mapping[wire.LaneName, int]:
        """What its worker encodes of its pictures while somebody watches: bits a second."""
        lanes: dict[wire.LaneName, int] = {LANES[lane]: bits for lane, bits in self._lanes.items()}
        if self.recording is not None:
            lanes.setdefault("H264", self.rules.sending.video_bitrate)
        return lanes

    def idle_s(self) -> float:
        """For how long nobody has watched or controlled it."""
        return self._presence.idle_s()

    # control clients

    def join(self, hello: Hello, may_drive: bool = True) -> tuple[Seat, Outbox]:
        """Raises Goodbye."""
        if not self.live:
            raise self._goodbye()
        seat, outbox = self.participants.join(hello, may_drive)
        outbox.put(reports.welcome(self, seat))
        self.participants.changed()
        self.took_part()
        self._logger.info("seat taken", seat=seat.id, seats=self.participants.present)
        return seat, outbox

    def leave(self, seat: Seat, outbox: Outbox) -> None:
        self.participants.leave(seat, outbox)
        self._logger.info("seat left", seat=seat.id, seats=self.participants.present)

    def took_part(self) -> None:
        """A control client has sent something. A connection that says nothing is nobody."""
        self._presence.touch()

    def accept(self, seat: Seat, message: Input) -> None:
        """A checked input of the driver."""
        axes = dict(message.axes)
        self.state.input(
            wire.Input(self.id, seat.id, message.seq, message.t, message.buttons, axes)
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it beside everything else, until the session is over."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # what can be done with it

    async def condition(self, text: str, how: How, chunks: int) -> wire.Conditioned:
        """Raises PromptError, WorkerError, Restoring and SessionOver."""
        self.must_live()
        return await self.state.condition(text, how, chunks)

    async def rewind(
        self, action: Literal["start", "stop", "to"], world_frame: int = 0
    ) -> wire.Rewound:
        """Raises TooFarBack, WorkerError, Restoring and SessionOver."""
        self.must_live()
        went = await self.state.rewind(action, world_frame)
        if not self.live:
            self.state.drop()
        return went

    async def save(self) -> bytes:
        """A snapshot of now. Raises WorkerError, Restoring and SessionOver."""
        self.must_live()
        return await self.state.save()

    def record(self, recording: Recording) -> None:
        """Whatever is sent from the next keyframe on, and the action log, go there too. Where it
        fails, it ends, and everybody who takes part learns it."""
        self.log.follow(recording.log)
        self.recording = recording

        def failed(reason: str) -> None:
            self.spawn(self._recording_failed(recording, reason))

        recording.on_failed = failed
        self._watch()
        if self.worker is not None:
            self.worker.keyframe(self.id, "H264")
        self.participants.put_status()

    async def stop_recording(self) -> Recording | None:
        """What was recorded, None where nothing was."""
        recording, self.recording = self.recording, None
        if recording is not None:
            self._watch()
            self.participants.put_status()
            try:
                self.log.unfollow(recording.log)
            finally:
                await recording.close()
        return recording

    async def _recording_failed(self, recording: Recording, reason: str) -> None:
        if recording is self.recording:
            text = f"the recording has ended: {reason}"
            self.participants.put_all(Error(code="recording_failed", message=text))
            await self.stop_recording()

    def must_live(self) -> None:
        """Raises SessionOver."""
        if not self.live:
            raise SessionOver(f"the session is over: {self.reason}")

    async def end(self, reason: str) -> None:
        """Stop for good and hang up on everybody. Does nothing to a session that is over."""
        if self._lifecycle.allows(Event.END):
            await self._stop(Event.END, reason)
            self._logger.info("ended", reason=reason)

    async def fail(self, reason: str) -> None:
        """Does nothing to a session that is over."""
        if self._lifecycle.allows(Event.FAIL):
            await self._stop(Event.FAIL, reason)
            self._logger.error("failed", reason=reason)

    async def _stop(self, event: Event, reason: str) -> None:
        self.reason = reason
        self._lifecycle.fire(event)
        self.state.drop()
        if event is Event.FAIL:
            self.participants.put_all(Error(code="session_failed", message=reason, fatal=True))
        self.participants.put_status()
        self.participants.close(self._goodbye())
        self._note_presence()
        self._settled.set()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        if self.on_over is not None:
            self.on_over(self)
        self.log.end()
        await self.stop_recording()
        sent = self.stream.stats()
        self._logger.info("sent in all", **asdict(sent))
        await self.stream.close()

    # its worker

    def working(self) -> WorkerHost:
        """Raises Restoring and SessionOver."""
        self.must_live()
        return self.state.working()

    def begin(self, worker: WorkerHost, opened: wire.Opened) -> None:
        """The worker holds the state from now on."""
        self.state.begin(worker, opened)

    def lose_worker(self) -> None:
        """Everything is released; viewers and seats stay."""
        self.state.lose()
        if self._lifecycle.allows(Event.LOST):
            self._fire(Event.LOST)
            self._settled.clear()
            self.participants.put_status()

    async def restore(self, worker: WorkerHost) -> None:
        """Go on from the newest snapshot. Raises WorkerError and SnapshotError."""
        await self.state.restore(worker)
        if not self.live:
            self.state.drop()
        elif not self.viewers:
            self._settle()

    async def settled(self) -> None:
        """Until a lost session runs again, or stands with nobody watching, or is over."""
        await self._settled.wait()

    def receive(self, message: wire.OfSession) -> None:
        """What the worker reports."""
        if self.live:
            self.state.receive(message)

    # what its state reports

    def on_packet(self, packet: wire.Picture | wire.Sound) -> None:
        sent = encoded(packet)
        self.stream.send(sent)
        if self.recording is not None:
            self.recording.write(sent)

    def on_made(self, made: wire.Made) -> None:
        if self._lifecycle.allows(Event.FIRST_CHUNK):
            self._fire(Event.FIRST_CHUNK)
            if not self.viewers:
                self._fire(Event.UNWATCHED)
            self.participants.put_status()
        elif self.phase == "restoring":
            self._settle()
        for each in made.carried:
            self.participants.put(each.seat, reports.receipt(each, made.step_ms))
        if made.held_s:
            stall = Stall(media_time=made.media_time, held_ms=1000 * made.held_s)
            self.participants.put_all(stall)
        second = int(made.media_time)
        if made.held_s or second != self._status_second:
            if second != self._status_second and self.on_second is not None:
                self.on_second(self)
            self._status_second = second
            self.participants.put_status()

    def on_changed(self) -> None:
        self.participants.put_status()

    def on_worker(self) -> None:
        self._drive(self.participants.driven)
        self._watch()

    def on_failed(self, reason: str) -> None:
        self.spawn(self.fail(reason))

    # viewers

    def _on_viewer(self, viewer: str, connected: bool) -> None:
        event = "viewer connected" if connected else "viewer left"
        self._logger.info(event, viewer=viewer, viewers=self.viewers)

    def _on_viewers(self, viewers: int) -> None:
        if not self.live:
            return
        event = Event.WATCHED if viewers else Event.UNWATCHED
        if self._lifecycle.allows(event):
            self._fire(event)
        elif not viewers and self.phase == "restoring" and self.worker is not None:
            self._settle()
        self._watch()
        self._note_presence()
        self.participants.put_status()

    def _on_lanes(self, lanes: Mapping[Lane, int], sound: bool) -> None:
        self._lanes, self._sound_heard = lanes, sound
        self._watch()

    def _on_keyframe_wanted(self, lane: Lane) -> None:
        if self.worker is not None:
            self.worker.keyframe(self.id, LANES[lane])

    def _watch(self) -> None:
        if self.worker is not None:
            sound = self._sound_heard or self.recording is not None
            self.worker.watch(self.id, self.viewers > 0, self.encoded, sound)

    # inside

    def _settle(self) -> None:
        """After a restore: the phase that the session is in now."""
        if not self.state.shown.begun:
            self._fire(Event.RESTORED_UNSTARTED)
        else:
            self._fire(Event.RESTORED if self.viewers else Event.RESTORED_UNWATCHED)
        self._settled.set()
        self.participants.put_status()

    def _release(self) -> None:
        self.state.release()

    def _drive(self, driven: bool) -> None:
        if self.worker is not None:
            self.worker.drive(self.id, driven)

    def _note_presence(self) -> None:
        """Count the time in which nobody watches."""
        self._presence.note(occupied=self.viewers > 0 or not self.live)

    def _report_idle(self) -> None:
        if self.on_idle is not None:
            self.on_idle(self)

    def _fire(self, event: Event) -> None:
        self._logger.info("phase", phase=self._lifecycle.fire(event))

    def _goodbye(self) -> Goodbye:
        failed = self.phase == "failed"
        code: CloseCode = CLOSE_SESSION_FAILED if failed else CLOSE_SESSION_ENDED
        return Goodbye(code, reason=self.reason or self.phase)

    def _status(self, role: Role) -> Status:
        return reports.status(self, role, self._loop.time())
