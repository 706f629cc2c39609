from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.sessions.lifecycle import (
    EDGES,
    Event,
    IllegalTransition,
    Lifecycle,
)


def test_the_life_of_a_session() -> None:
    life = Lifecycle()
    assert life.phase == "starting"
    assert life.fire(Event.FIRST_CHUNK) == "running"
    assert life.fire(Event.UNWATCHED) == "paused"
    assert life.fire(Event.WATCHED) == "running"
    assert life.fire(Event.LOST) == "restoring"
    assert life.live
    assert life.fire(Event.RESTORED) == "running"
    assert life.fire(Event.FAIL) == "failed"
    assert not life.live
    assert not life.allows(Event.END)


@given(st.lists(st.sampled_from(Event)))
def test_only_the_edges_of_the_table_are_taken(events: list[Event]) -> None:
    life = Lifecycle()
    for event in events:
        before = life.phase
        if life.allows(event):
            assert life.fire(event) == EDGES[before, event]
        else:
            with pytest.raises(IllegalTransition, match=before):
                life.fire(event)
            assert life.phase == before


@pytest.mark.parametrize("event", list(Event))
def test_what_has_ended_stays_ended(event: Event) -> None:
    life = Lifecycle()
    life.fire(Event.END)
    with pytest.raises(IllegalTransition):
        life.fire(event)
