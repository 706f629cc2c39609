"""A thread that steps, and the sessions whose chunks it makes: each started just in time, those of
one world together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from lightcone.model.interface import Chunk
from lightcone.server.scheduling.batches import GRACE_S, Batch, Times, plan
from lightcone.server.scheduling.pacer import Pacer
from lightcone.server.worker.sessions.session import Making, Session
from lightcone.server.worker.stepping.threads import Caller, Done, Post
from lightcone.server.worker.worlds import OpenWorld

TIMER_S = 0.001  # how exactly the loop can wait
LEAST_PATIENCE_S = 0.5
PATIENCE = 6  # times the predicted time: a step that takes longer hangs
LOAD_S = 2.0  # over which the thread's load is measured


@dataclass(eq=False)
class Step:
    """Chunks of several sessions, all of one world, in the making."""

    world: OpenWorld
    members: tuple[Session, ...]
    makings: tuple[Making, ...]
    bucket: int
    steps: int  # of denoising
    pacer: Pacer
    eligible: float  # since when it could have been started
    patience_s: float
    lead_s: float = 0.0  # how long before it was due it should have been started
    decode_s: float = 0.0  # of the step, as far as its family knows
    timer: asyncio.TimerHandle | None = None

    @property
    def late(self) -> bool:
        return any(making.held_s > 0 for making in self.makings)

    @property
    def ids(self) -> list[str]:
        """Of its sessions."""
        return [session.id for session in self.members]

    @property
    def usual(self) -> bool:
        """Of the chunks and denoising steps whose cost was measured."""
        whole = self.makings[0].frames == self.world.info.chunk_frames[-1]
        return whole and self.steps == self.world.model.steps[0]


class Outcome(Protocol):
    """Who wants to know how the steps of a lane end. All are called on the loop."""

    def made(self, lane: Lane, step: Step, states: list[Any], seconds: float) -> None: ...

    def failed(self, lane: Lane, step: Step, error: Exception) -> None: ...

    def hangs(self, lane: Lane, step: Step) -> None:
        """The step takes longer than its patience. Called once."""
        ...


@dataclass(eq=False)
class Lane:
    """Has to be woken whenever one of its sessions, or what is known of it, changes."""

    new_caller: Callable[[], Caller]
    outcome: Outcome
    sessions: dict[Session, None] = field(default_factory=dict)  # in the order of their coming
    step: Step | None = None
    busy_s: float = 0.0  # in all

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._caller = self.new_caller()
        self._timer: asyncio.TimerHandle | None = None
        self._free_since = self._loop.time()
        self._recent: deque[tuple[float, float]] = deque()  # end and length of the last steps

    def wake(self) -> None:
        """Start what is to be started now, and set a timer for what comes next."""
        self._disarm()
        if self.step is not None:
            return
        now = self._loop.time()
        batch = self._first([s for s in self.sessions if s.waits], now)
        if batch is not None and now >= batch.start + GRACE_S:
            # who is being conditioned is not waited for any longer
            batch = self._first([s for s in self.sessions if s.waits and not s.claimed], now)
        if batch is None:
            return
        if batch.start - now >= TIMER_S:
            self._timer = self._loop.call_at(batch.start, self.wake)
        elif any(member.claimed for member in batch.members):
            self._timer = self._loop.call_at(batch.start + GRACE_S, self.wake)
        else:
            self._begin(batch, now)

    def load(self, now: float) -> float:
        """The share of the last time in which the thread was busy."""
        while self._recent and self._recent[0][0] < now - LOAD_S:
            self._recent.popleft()
        return sum(seconds for _, seconds in self._recent) / LOAD_S

    def abandon(self) -> None:
        """Leave the step that is under way, and its thread, behind."""
        self._caller.close()
        self._caller = self.new_caller()
        self._end()

    def close(self) -> None:
        self._disarm()
        self.sessions.clear()
        if self.step is not None:
            self._end()
        self._caller.close()

    def _first(self, sessions: list[Session], now: float) -> Batch[Session] | None:
        sessions = [session for session in sessions if session.due < float("inf")]
        if not sessions:
            return None
        return plan(sessions, now, _times, lambda session: session.world.most)[0]

    def _begin(self, batch: Batch[Session], now: float) -> None:
        first = batch.members[0]
        world, steps = first.world, first.ladder.standing.rung.steps
        eligible = max(batch.start, self._free_since, *(m.ready_at for m in batch.members))
        makings = tuple(session.begin_chunk(now) for session in batch.members)
        pacer = first.pacer(len(batch.members))
        step = Step(
            world=world,
            members=batch.members,
            makings=makings,
            bucket=world.bucket(len(batch.members)),
            steps=steps,
            pacer=pacer,
            eligible=min(eligible, now),
            patience_s=max(LEAST_PATIENCE_S, PATIENCE * pacer.busy_s),
        )
        for session in step.members:
            session.stepping = True
        self.step = step
        step.timer = self._loop.call_later(step.patience_s, self.outcome.hangs, self, step)
        future = self._caller.call(
            partial(self._compute, step, [s.now.state for s in step.members])
        )
        future.add_done_callback(partial(self._done, step))

    def _compute(self, step: Step, states: list[Any], post: Post) -> list[Any]:
        """In the thread. Rows beyond the sessions' own only fill the bucket."""
        rows = len(states)
        fill = step.bucket - rows
        actions = [making.sample.actions for making in step.makings]

        def emit(row: int, part: Chunk) -> None:
            if row < rows:
                post(partial(self._part, step, row, part))

        model = step.world.model
        after = model.step(
            states + states[:1] * fill, actions + actions[:1] * fill, emit, step.steps
        )
        for filler in after[rows:]:
            model.release(filler)
        return after[:rows]

    def _part(self, step: Step, row: int, part: Chunk) -> None:
        now = self._loop.time()
        session = step.members[row]
        ahead = (part.first_frame - step.makings[row].frame) * session.frame_s
        step.lead_s = max(step.lead_s, now - step.eligible - ahead)
        if row == 0:
            step.decode_s += part.decode_s
        session.deliver(part, now)

    def _done(self, step: Step, future: asyncio.Future[Done[list[Any]]]) -> None:
        if self.step is not step or future.cancelled():
            return
        self._end()
        error = future.exception()
        if isinstance(error, Exception):
            self.outcome.failed(self, step, error)
            return
        done = future.result()
        self.busy_s += done.seconds
        self._recent.append((self._loop.time(), done.seconds))
        self.outcome.made(self, step, done.result, done.seconds)

    def _end(self) -> None:
        step, self.step = self.step, None
        assert step is not None
        if step.timer is not None:
            step.timer.cancel()
        self._free_since = self._loop.time()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _times(session: Session, sessions: int) -> Times:
    pacer = session.pacer(sessions)
    return Times(pacer.lead_s, pacer.busy_s)
