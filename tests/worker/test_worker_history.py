from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.worker.sessions.history import History, Holders, Moment

FPS = 24


@dataclass(frozen=True)
class State:
    frame: int


def moment(frame: int) -> Moment:
    return Moment(State(frame), "")


def frames(history: History) -> list[int]:
    return [each.frame for each in history]


def test_moments_are_about_a_second_apart_and_the_oldest_are_forgotten() -> None:
    history = History(FPS, 3.0)
    gone: list[int] = []
    for frame in range(0, 200, 2):
        if history.wants(frame):
            gone += [old.frame for old in history.add(moment(frame))]
    assert frames(history) == [120, 144, 168, 192]
    assert gone == [0, 24, 48, 72, 96]
    assert history.oldest is not None
    assert history.oldest.frame == 120


def test_the_newest_at_or_before_a_frame_is_found() -> None:
    history = History(FPS, 30.0, [moment(0), moment(24), moment(48)])
    found = [history.at(frame) for frame in (-1, 0, 23, 24, 1000)]
    assert [None if each is None else each.frame for each in found] == [None, 0, 0, 24, 48]


def test_what_was_gone_back_from_is_forgotten() -> None:
    history = History(FPS, 30.0, [moment(0), moment(24), moment(48)])
    assert [gone.frame for gone in history.forget_after(24)] == [48]
    assert frames(history) == [0, 24]
    assert history.wants(48)
    with pytest.raises(ValueError, match="is not after"):
        history.add(moment(24))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 400)), max_size=60))
def test_moments_stay_in_order_and_within_the_time(script: list[tuple[int, int]]) -> None:
    history = History(FPS, 5.0)
    now = 0
    for what, value in script:
        if what:
            now += what
            if history.wants(now):
                history.add(moment(now))
        else:
            now = min(now, value)
            history.forget_after(now)
    kept = frames(history)
    assert kept == sorted(set(kept))
    assert all(frame <= now for frame in kept)
    if kept:
        assert kept[-1] - kept[0] <= 5 * FPS


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=80))
def test_a_state_is_unneeded_exactly_when_nobody_holds_it(script: list[tuple[bool, int]]) -> None:
    states = [State(0) for _ in range(4)]  # equal, and not the same
    held = [0] * len(states)
    holders = Holders()
    for take, i in script:
        if take:
            holders.take(states[i])
            held[i] += 1
        elif held[i]:
            held[i] -= 1
            assert holders.let_go(states[i]) == (held[i] == 0)
