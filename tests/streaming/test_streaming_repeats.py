"""Whose pictures are sent twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.streaming.viewers.congestion.repeats import (
    CLEAR_S,
    LONGEST_PAUSE_S,
    PAUSE_S,
    Repeats,
)


def seconds(repeats: Repeats, begin: float, count: int, loss: float, overused: bool | None) -> None:
    for i in range(count):
        repeats.update(begin + i, loss, overused)


def test_a_line_that_loses_packets_at_random_gets_each_twice() -> None:
    repeats = Repeats()
    seconds(repeats, 0, int(CLEAR_S), 0.1, False)
    assert not repeats.wanted
    repeats.update(CLEAR_S, 0.1, False)
    assert repeats.wanted
    repeats.update(CLEAR_S + 1, 0.02, False)
    assert repeats.wanted
    repeats.update(CLEAR_S + 2, 0.005, False)
    assert not repeats.wanted


def test_a_line_that_is_full_does_not() -> None:
    repeats = Repeats()
    seconds(repeats, 0, 20, 0.1, True)
    assert not repeats.wanted


def test_nor_one_of_which_the_receiver_says_nothing() -> None:
    repeats = Repeats()
    seconds(repeats, 0, 20, 0.1, None)
    assert not repeats.wanted


def test_who_filled_its_line_by_that_waits_twice_as_long_each_time() -> None:
    repeats = Repeats()
    now, pause = 0.0, PAUSE_S
    for _ in range(6):
        seconds(repeats, now, int(CLEAR_S) + 1, 0.1, False)
        assert repeats.wanted
        now += CLEAR_S + 1
        repeats.update(now, 0.1, True)
        assert not repeats.wanted
        seconds(repeats, now + 1, int(pause) - 2, 0.1, False)
        assert not repeats.wanted
        now += pause
        pause = min(2 * pause, LONGEST_PAUSE_S)


@given(
    st.lists(st.tuples(st.floats(0.5, 5), st.floats(0, 1), st.sampled_from([True, False, None])))
)
def test_never_under_a_lowered_limit_nor_without_losses(
    windows: list[tuple[float, float, bool | None]],
) -> None:
    repeats, now = Repeats(), 0.0
    for wait, loss, overused in windows:
        now += wait
        repeats.update(now, loss, overused)
        if repeats.wanted:
            assert overused is False
            assert 0.01 <= loss < 0.3
