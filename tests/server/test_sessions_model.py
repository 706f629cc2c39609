"""All sessions of a server against a simple model of them: whatever people and workers do in
whatever order, phases, places, the queue and what workers hold are as the model predicts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from pretend_workers import MemoryStore, PretendHost
from staging import NotingStream
from virtual_time import VirtualTimeLoop

from lightcone.model.families.probe.variants import PROBE
from lightcone.server.access.seats import Seat
from lightcone.server.cli.settings import Settings
from lightcone.server.control.outbox import Outbox
from lightcone.server.control.protocol import VERSION, Hello
from lightcone.server.sessions.queue import LAPSE_S
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.sessions import MAKES_ROOM_S, Sessions
from lightcone.server.sessions.wanted import Wanted
from lightcone.server.sessions.workers import Worker

MOST, WORKERS, IDLE_S = 3, 2, 60.0
APART_S = 61.0  # between losses, so that none is blamed on a session
WAITS = [0.0, 3.1, 12.7, 70.3]  # no sum of which is a limit

T = TypeVar("T")


@dataclass
class Expected:
    """A session by the model."""

    phase: str
    alone_since: float
    viewers: int = 0
    begun: bool = False

    def idle_s(self, now: float) -> float:
        return 0.0 if self.viewers else now - self.alone_since


class SessionsMachine(RuleBasedStateMachine):
    sessions = Bundle("sessions")
    tickets = Bundle("tickets")
    seats = Bundle("seats")

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.expected: dict[str, Expected] = {}
        self.queue: dict[str, float] = {}  # tickets, and when they were asked for
        self.lost_at = -APART_S
        self.real = self.run(self._launch())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def settled() -> T:
            done = await work
            for _ in range(20):
                await asyncio.sleep(0)
            return done

        return self.loop.run_until_complete(settled())

    async def _launch(self) -> Sessions:
        settings = Settings(worlds="probe", max_sessions=MOST, idle_timeout_s=IDLE_S)
        load = settings.load()
        launch: Any = PretendHost.launch
        workers = [Worker(load, 1 << 30, 1.0, launch) for _ in range(WORKERS)]
        for worker in workers:
            await worker.working()
        store: Any = MemoryStore()
        return Sessions(settings, workers, store)

    @property
    def now(self) -> float:
        return self.loop.time()

    def hosts(self) -> list[PretendHost]:
        return [worker.host for worker in self.real.workers]  # type: ignore[misc]

    def session(self, id: str) -> Session | None:
        """None once it is over: then nothing happens to it."""
        return self.real.get(id) if id in self.expected else None

    def began(self, got: Any) -> str:
        """The model of a new session, or of a new place in the queue."""
        if not isinstance(got, Session):
            self.queue[got.id] = self.now
            return str(got.id)
        stream: Any = NotingStream()
        stream.on_viewers = got.stream.on_viewers
        got.stream = stream
        self.expected[got.id] = Expected("starting", self.now)
        return got.id

    def makes_room(self) -> bool:
        """Whether the model has room for one more, if need be after one that is left alone."""
        if len(self.expected) < MOST:
            return True
        id, lonely = max(self.expected.items(), key=lambda each: each[1].idle_s(self.now))
        if lonely.idle_s(self.now) <= MAKES_ROOM_S:
            return False
        del self.expected[id]
        return True

    def lapse(self) -> None:
        self.queue = {k: at for k, at in self.queue.items() if self.now - at <= LAPSE_S}

    # what people do

    @rule(target=sessions)
    def create(self) -> str:
        self.lapse()
        room = not self.queue and self.makes_room()
        id = self.began(self.run(self.real.create(Wanted(PROBE))))
        assert (id in self.expected) == room
        return id

    @rule(target=tickets)
    def wait_in_line(self) -> str:
        """As `create`: a ticket where there is a queue, or no room."""
        return self.create()

    @rule(target=sessions, ticket=tickets)
    def poll(self, ticket: str) -> str:
        self.lapse()
        waits = ticket in self.queue
        first = waits and next(iter(self.queue)) == ticket
        room = first and self.makes_room()
        got = self.run(self.real.poll(ticket))
        assert isinstance(got, Session) == room
        if not waits:
            assert got is None
            return ticket
        if room:
            del self.queue[ticket]
            return self.began(got)
        self.queue[ticket] = self.now
        return ticket

    @rule(ticket=consumes(tickets))
    def leave_queue(self, ticket: str) -> None:
        self.lapse()
        assert self.real.leave_queue(ticket) == (ticket in self.queue)
        self.queue.pop(ticket, None)

    @rule(target=sessions, id=sessions)
    def fork(self, id: str) -> str:
        session = self.session(id)
        if session is None:
            return id
        self.lapse()
        room = not self.queue and self.makes_room()
        forked = self.began(self.run(self.real.fork(session, "")))
        assert (forked in self.expected) == room
        return forked

    @rule(id=sessions)
    def end(self, id: str) -> None:
        session = self.session(id)
        if session is not None:
            self.run(session.end("asked to"))
            del self.expected[id]

    @rule(id=sessions, viewers=st.integers(0, 2))
    def watch(self, id: str, viewers: int) -> None:
        session = self.session(id)
        if session is None:
            return
        expected = self.expected[id]
        stream: Any = session.stream
        stream.watch(viewers)
        if expected.viewers and not viewers:
            expected.alone_since = self.now
        expected.viewers = viewers
        match expected.phase:
            case "running" if not viewers:
                expected.phase = "paused"
            case "paused" if viewers:
                expected.phase = "running"
            case "restoring" if not viewers:
                expected.phase = "paused" if expected.begun else "starting"

    @rule(target=seats, id=sessions, want=st.sampled_from(["driver", "spectator"]))
    def join(self, id: str, want: Any) -> tuple[str, Seat, Outbox] | None:
        session = self.session(id)
        if session is None:
            return None
        seat, outbox = session.join(Hello(version=VERSION, want=want))
        if not self.expected[id].viewers:
            self.expected[id].alone_since = self.now
        return id, seat, outbox

    @rule(seat=consumes(seats))
    def leave(self, seat: tuple[str, Seat, Outbox] | None) -> None:
        session = None if seat is None else self.session(seat[0])
        if seat is not None and session is not None:
            session.leave(seat[1], seat[2])

    # what workers and time do

    @rule(id=sessions, keep=st.booleans())
    def chunk(self, id: str, keep: bool) -> None:
        for host in self.hosts():
            state = host.states.get(id)
            if state is not None and state.running:
                host.make(id, keep)
                self.expected[id].phase = "running"
                self.expected[id].begun = True

    @rule(id=sessions)
    def model_fails(self, id: str) -> None:
        for host in self.hosts():
            if id in host.states:
                host.fail(id)
                self.run(asyncio.sleep(0))
                session = self.real.get(id)
                assert session is not None
                assert session.phase == "failed"
                del self.expected[id]

    @rule(which=st.integers(0, WORKERS - 1))
    def lose_worker(self, which: int) -> None:
        if self.now - self.lost_at < APART_S:
            return
        self.lost_at = self.now
        worker = self.real.workers[which]
        for session in self.real.of(worker):
            expected = self.expected[session.id]
            if expected.viewers:
                expected.phase = "restoring"  # until its first chunk
            elif expected.begun:
                expected.phase = "paused"
        before = self.hosts()[which]
        before.kill()
        self.run(asyncio.sleep(0))
        assert self.hosts()[which] is not before

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))
        for id, expected in list(self.expected.items()):
            if expected.idle_s(self.now) >= IDLE_S:
                del self.expected[id]

    # what always holds

    @invariant()
    def phases_are_as_expected(self) -> None:
        live = {session.id: session.phase for session in self.real}
        assert live == {id: expected.phase for id, expected in self.expected.items()}

    @invariant()
    def workers_hold_the_live_sessions_and_no_others(self) -> None:
        held = [id for host in self.hosts() for id in host.states]
        assert sorted(held) == sorted(self.expected)
        assert sum(worker.sessions.total() for worker in self.real.workers) == len(held)
        assert not any(worker.opening for worker in self.real.workers)
        for worker, host in zip(self.real.workers, self.hosts(), strict=True):
            assert not host.unknown, "a session was asked for that this worker never had"
            for session in self.real.of(worker):
                state = host.states[session.id]
                assert state.running == (session.viewers > 0)
                assert state.driven == session.participants.driven

    @invariant()
    def the_queue_is_as_expected(self) -> None:
        self.lapse()
        assert self.real.queued == len(self.queue)

    @invariant()
    def who_drives_takes_part(self) -> None:
        for session in self.real:
            seats = session.participants.seats
            assert seats.driver is None or seats.driver in list(seats)
            assert session.participants.driven == (seats.driver is not None)

    def teardown(self) -> None:
        self.run(self.real.close())
        assert not any(self.real), "a session lives on"
        assert not any(host.states for host in self.hosts() if host is not None)
        left = [task for task in asyncio.all_tasks(self.loop) if not task.done()]
        for task in left:
            task.cancel()
        self.run(asyncio.wait_for(_ended(left), 1))
        self.loop.close()
        assert not left, f"tasks are left: {left}"


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


TestSessions = SessionsMachine.TestCase
TestSessions.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
