"""Makes the chunks of all sessions of a worker, and sees to it that one that fails, hangs or is
slow harms nobody else."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from lightcone.server.scheduling.batches import MARGIN_S, SLACK, aligned
from lightcone.server.scheduling.pacer import Pacer
from lightcone.server.scheduling.trials import Trial
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker.errors import StepTimeout, one_line
from lightcone.server.worker.messages import (
    Carried,
    Level,
    Made,
    Message,
    SessionFailed,
    WentBack,
)
from lightcone.server.worker.sessions.history import Moment
from lightcone.server.worker.sessions.session import Making, Session
from lightcone.server.worker.stepping.chores import Chore, Chores
from lightcone.server.worker.stepping.lane import Lane, Step
from lightcone.server.worker.stepping.threads import Caller

SLOW = 2.0  # times what is usual
SLOW_BATCHES = 3  # slow and late ones within SLOW_S put the sessions of a world on trial
SLOW_S = 2.0
TRIAL_PAUSE_S = 30.0  # after such a trial

log = get_logger("lightcone.worker")


class Runner:
    """`new_caller` makes a thread of a name; `send` takes messages for the server; `on_failed` is
    called with a session that has failed, which is removed. `threads` are those of a step."""

    def __init__(
        self,
        new_caller: Callable[[str], Caller],
        send: Callable[[Message], None],
        on_failed: Callable[[Session], None],
        *,
        threads: int,
        step_timeout_s: float,
    ) -> None:
        self.chores = Chores(new_caller("chores"), send, self.fail)
        self._new_step_caller = partial(new_caller, "step")
        self._send = send
        self._on_failed = on_failed
        self._threads = threads
        self._step_timeout_s = step_timeout_s
        self._loop = asyncio.get_running_loop()
        self._main = Lane(self._new_step_caller, self)
        self._alone: dict[Session, Lane] = {}
        self._slow: dict[str, list[float]] = {}  # moments of suspicious batches, by world
        self._no_trial_before: dict[str, float] = {}
        self._closed_busy_s = 0.0  # of lanes that are closed

    @property
    def busy_s(self) -> float:
        """For how long steps have been computed, in all."""
        lanes = (self._main, *self._alone.values())
        return self._closed_busy_s + sum(lane.busy_s for lane in lanes)

    # sessions

    def add(self, session: Session) -> None:
        """It stands."""
        for moment in (session.now, *session.history):
            self.chores.hold(moment)
        self._main.sessions[session] = None

    def remove(self, session: Session) -> None:
        """Nothing of it is needed any more."""
        if session.gone:
            return
        session.gone = True
        self._main.sessions.pop(session, None)
        if session.trial is not None:
            session.trial.leave(session)
        if session.backwards is not None:
            session.backwards.stop()
        session.transmitter.close()
        self.chores.let_go(session.world.model, list(session.history))
        if session in self._alone:
            self._close(self._alone.pop(session))
            session.rest()
        if not session.stepping:  # otherwise its state is needed until the step is over
            self.chores.let_go(session.world.model, [session.now])
        self._main.wake()

    def start(self, session: Session) -> None:
        """It runs from now on, in step with the others of its world."""
        if not session.running:
            session.running = True
            self._settle(session)
            self._go_on(session)

    def stop(self, session: Session) -> None:
        session.running = False
        session.clock.pause(self._loop.time())

    def jump(self, session: Session, moment: Moment) -> None:
        """Go on from a moment of its past. Between two steps."""
        model = session.world.model
        self.chores.hold(moment)
        gone = [session.now, *session.history.forget_after(moment.frame)]
        self.chores.let_go(model, gone)
        session.now, session.making = moment, None
        session.went_back += 1
        self.chores.send_in_order(WentBack(session.id, moment.frame, moment.prompt))
        session.transmitter.cut()
        if session.running:
            self._go_on(session)

    def change(self, session: Session, moment: Moment) -> None:
        """The same moment under other conditioning. Between two steps."""
        self.chores.hold(moment)
        self.chores.let_go(session.world.model, [session.now])
        session.now = moment

    @asynccontextmanager
    async def between_steps(self, session: Session) -> AsyncIterator[None]:
        """No step of it is under way, and none begins meanwhile."""
        try:
            async with session.between_steps():
                yield
        finally:
            session.ready_at = self._loop.time()
            self.wake(session)

    def realign(self, session: Session) -> None:
        """Where its next chunk can not be in time or not together with the others, its clock is
        held until it is."""
        now, begins = self._loop.time(), session.transmitter.next_media_time
        due = session.clock.due(begins)
        if due < float("inf"):
            session.clock.hold(begins, self._meeting(session, max(due, now + self._lead(session))))
        session.ready_at = now
        self.wake(session)

    def wake(self, session: Session) -> None:
        """Something about it has changed."""
        self._alone.get(session, self._main).wake()

    def close(self) -> None:
        for lane in (self._main, *self._alone.values()):
            lane.close()
        self.chores.close()

    # outcomes of steps

    def made(self, lane: Lane, step: Step, states: list[Any], seconds: float) -> None:
        world, now = step.world, self._loop.time()
        suspicious = self._is_suspicious(step, seconds, now)
        step.pacer.record(lead_s=step.lead_s, busy_s=seconds)
        if step.usual:
            world.times.record(step.bucket, seconds)
        chores = []
        for row, (session, state) in enumerate(zip(step.members, states, strict=True)):
            session.rest()
            session.ready_at = now
            if session.gone:
                self.chores.let_go(world.model, [session.now])
                self.chores.release(world.model, [state])
            else:
                chores.append(self._advance(session, step, row, state, seconds))
        self._judge_pace(lane, step, step.late and not suspicious, now)
        if lane is not self._main:
            self._judge_alone(step.members[0], seconds)
        elif suspicious:
            self._note_slow(step, now)
        if lane is self._main:
            self._keep_together(step)
        # last: it may start the next step, and who is in one can not be sent to a lane of its own
        for session in step.members:
            self._rejoin(session)
        lane.wake()
        self.chores.do(chores)

    def failed(self, lane: Lane, step: Step, error: Exception) -> None:
        self._rest(step)
        if len(step.members) > 1:
            log.warning(
                "a step of several sessions fails", sessions=step.ids, reason=one_line(error)
            )
            self._try(step.members)
        else:
            log.warning("a session fails alone", session=step.members[0].id, exc_info=error)
            self.fail(step.members[0], type(error).__name__, one_line(error))
        lane.wake()

    def hangs(self, lane: Lane, step: Step) -> None:
        if lane is self._main:
            log.warning("a step hangs", sessions=step.ids)
            lane.abandon()
            self._rest(step)
            self._try(step.members)
            lane.wake()
            return
        [session] = step.members
        if session.trial is not None:
            session.trial.convict(session)
        rest = max(self._step_timeout_s - step.patience_s, 0.0)
        step.timer = self._loop.call_later(rest, self._give_up, session)

    def fail(self, session: Session, kind: str, message: str) -> None:
        """It can not go on."""
        if session.gone:
            return
        if session.trial is not None:
            session.trial.convict(session)
        self.remove(session)
        self.chores.send_in_order(SessionFailed(session.id, kind, message))
        self._on_failed(session)

    # inside: chunks

    def _advance(self, session: Session, step: Step, row: int, state: Any, seconds: float) -> Chore:
        """The session goes on from this state."""
        before = session.now
        making = session.end_chunk(state)
        self.chores.hold(session.now)
        self.chores.let_go(session.world.model, [before])
        keep = not session.keeping and session.history.wants(session.now.frame)
        made = self._report(session, step, row, making, seconds)
        return Chore(session, session.now, made, keep, session.went_back)

    def _report(
        self, session: Session, step: Step, row: int, making: Making, seconds: float
    ) -> Made:
        carried = [
            Carried(
                shown.seat,
                shown.seq,
                shown.t,
                making.frame + shown.frame,
                making.stream_frame + shown.frame,
                making.media_time + shown.frame * session.frame_s,
                1000 * shown.waited_s,
            )
            for shown in making.sample.carried
        ]
        return Made(
            session=session.id,
            world_frame=making.frame,
            frames=making.frames,
            stream_frame=making.stream_frame,
            media_time=making.media_time,
            actions=making.sample.actions.tobytes(),
            batch=step.bucket,
            row=row,
            threads=self._threads,
            steps=step.steps,
            digest=b"",
            step_ms=1000 * seconds,
            held_s=making.held_s,
            carried=carried,
            decode_ms=1000 * step.decode_s,
        )

    def _rest(self, step: Step) -> None:
        """The step is over and has made nothing."""
        for session in step.members:
            session.rest()
            session.ready_at = self._loop.time()
            if session.gone:
                self.chores.let_go(session.world.model, [session.now])

    # inside: pace

    def _judge_pace(self, lane: Lane, step: Step, late: bool, now: float) -> None:
        ladder = step.members[0].ladder
        if ladder.observe(now, late=late, load=lane.load(now)):
            for session in lane.sessions:
                if session.ladder is ladder:
                    self._settle(session)

    def _settle(self, session: Session) -> None:
        """What its ladder says holds from its next chunk on."""
        standing = session.ladder.standing
        if standing != session.standing:
            session.standing = standing
            session.transmitter.set_rate(standing.rung.rate)
            steps, rate = standing.rung.steps, float(standing.rung.rate)
            full = session.world.model.steps[0]
            self._send(Level(session.id, steps, rate, standing.overloaded, full))

    # inside: time

    def _go_on(self, session: Session) -> None:
        """Its clock starts so that its next chunk is due as soon as it can be, together with those
        of the other sessions of its world."""
        now, begins = self._loop.time(), session.transmitter.next_media_time
        earliest = now + max(begins - session.clock.media_time(now), self._lead(session))
        session.clock.start(self._meeting(session, earliest), begins)
        session.ready_at = now
        self.wake(session)

    def _keep_together(self, step: Step) -> None:
        """Who was made together is due together from now on: the clocks of those who are ahead are
        held."""
        members = [m for m in step.members if not m.gone and m.due < float("inf")]
        latest = max((member.due for member in members), default=0.0)
        for member in members:
            member.clock.hold(member.transmitter.next_media_time, latest)

    def _rejoin(self, session: Session) -> None:
        """One that was held alone, for longer than a batch would wait, finds back to the others."""
        due = session.due
        if session.gone or due == float("inf"):
            return
        behind = session.chunk_s - (self._meeting(session, due) - due)
        if SLACK * session.chunk_s < behind < session.chunk_s:
            self.realign(session)

    def _lead(self, session: Session) -> float:
        size = min(1 + len(self._company(session)), session.world.most)
        return session.pacer(size).lead_s + MARGIN_S

    def _meeting(self, session: Session, earliest: float) -> float:
        """The first moment from `earliest` on at which its next chunk is due together with those
        of others: of the first of them by id, so that all meet at one moment."""
        for other in sorted(self._company(session), key=lambda other: other.id)[:1]:
            grid = other.due + other.to_grid_s - session.to_grid_s
            chunk_s = session.world.info.chunk_frames[-1] * session.frame_s
            return aligned(earliest, grid, chunk_s)
        return earliest

    def _company(self, session: Session) -> list[Session]:
        """Others who are stepped together with it."""
        if session in self._alone:
            return []
        return [
            other
            for other in self._main.sessions
            if other is not session
            and other.world is session.world
            and other.backwards is None
            and other.due < float("inf")
        ]

    # inside: trials

    def _try(self, members: Sequence[Session], *, slow: bool = False) -> None:
        """Step each of them alone."""
        living = [session for session in members if not session.gone]
        trial = Trial(living, slow=slow)
        for session in living:
            session.trial = trial
            session.own_pacer = Pacer(session.pacer(1).quick_s)
            session.own_ladder = copy.deepcopy(session.world.ladder)
            self._main.sessions.pop(session, None)
            lane = self._alone[session] = Lane(self._new_step_caller, self)
            lane.sessions[session] = None
        for session in living:
            self.wake(session)

    def _judge_alone(self, session: Session, seconds: float) -> None:
        if session.gone or session.trial is None or not session.trial.made(session, seconds):
            return
        session.trial.leave(session)
        session.trial = session.own_ladder = session.own_pacer = None
        self._close(self._alone.pop(session))
        self._main.sessions[session] = None
        self._settle(session)
        self.realign(session)

    def _is_suspicious(self, step: Step, seconds: float, now: float) -> bool:
        """One of several sessions may have made the batch late, rather than the machine."""
        pause = self._no_trial_before.get(step.world.name, 0.0)
        slow = step.late and seconds > SLOW * step.pacer.quick_s
        return slow and len(step.members) > 1 and now >= pause

    def _note_slow(self, step: Step, now: float) -> None:
        """A suspicious batch. Several of them soon after each other are a matter for a trial."""
        name = step.world.name
        recent = [moment for moment in self._slow.get(name, []) if moment > now - SLOW_S]
        self._slow[name] = [*recent, now]
        if len(self._slow[name]) >= SLOW_BATCHES:
            log.warning("slow steps", sessions=step.ids)
            self._no_trial_before[name] = now + TRIAL_PAUSE_S
            self._try(step.members, slow=True)

    def _give_up(self, session: Session) -> None:
        after = f"a chunk was not made within {self._step_timeout_s:g} s"
        self.fail(session, StepTimeout.__name__, after)

    def _close(self, lane: Lane) -> None:
        self._closed_busy_s += lane.busy_s
        lane.close()
