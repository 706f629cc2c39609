from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.sessions.queue import Queue, QueueFull


def test_first_come_first_served_and_who_does_not_ask_lapses() -> None:
    queue: Queue[str] = Queue(lapse_s=15)
    a, b = queue.join("a", 0), queue.join("b", 1)
    assert (queue.place(a), queue.place(b)) == (1, 2)
    assert queue.poll(b.id, 10) is b
    assert queue.poll(a.id, 15.5) is None
    assert queue.place(b) == 1
    queue.leave(b)
    queue.leave(b)
    assert queue.poll(b.id, 16) is None
    assert queue.waiting(16) == 0


def test_a_session_in_the_making_keeps_its_ticket() -> None:
    queue: Queue[str] = Queue(lapse_s=15)
    ticket = queue.join("a", 0)
    ticket.taken = True
    assert queue.waiting(100) == 1
    ticket.taken = False
    assert queue.waiting(100) == 0


def test_only_so_many_wait() -> None:
    queue: Queue[int] = Queue(most=2)
    for i in range(2):
        queue.join(i, 0)
    with pytest.raises(QueueFull):
        queue.join(3, 0)
    assert queue.join(4, 100).wanted == 4


@given(st.lists(st.tuples(st.sampled_from(["join", "poll", "leave"]), st.integers(0, 9))))
def test_nobody_overtakes(script: list[tuple[str, int]]) -> None:
    queue: Queue[int] = Queue(lapse_s=5, most=10)
    tickets, now = [], 0.0
    for what, who in script:
        now += 1
        if what == "join" and queue.waiting(now) < 10:
            tickets.append(queue.join(len(tickets), now))
        elif tickets and what == "poll":
            queue.poll(tickets[who % len(tickets)].id, now)
        elif tickets and what == "leave":
            queue.leave(tickets[who % len(tickets)])
        queue.waiting(now)
        waiting = [t for t in tickets if queue.poll(t.id, now) is not None]
        assert [queue.place(t) for t in waiting] == list(range(1, len(waiting) + 1))
