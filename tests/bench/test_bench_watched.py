"""What a viewer saw, from the arrival of pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench.clients.watched import Rate, Watched
from lightcone.client.media.rtp import Picture

FPS = 24


def watched(*frames: int, late: float = 0.0) -> Watched:
    found = Watched(FPS)
    for frame in frames:
        found.see(Picture(frame / FPS, b"", 100 + frame / FPS + late))
    return found


def test_all_frames_at_their_time_is_the_full_rate() -> None:
    rate = watched(*range(48)).rate(100.0, 102.0)
    assert rate == Rate(24.0, 0.0, 0.0, pytest.approx(1 / FPS, abs=0.001))
    assert rate.full(0.01)


def test_repetitions_do_not_count() -> None:
    again = watched(0, 1, 1, 0, 2)
    assert len(again.arrived) == 3
    assert again.missing == 0


def test_frames_that_never_came_are_missing() -> None:
    rate = watched(*(frame for frame in range(48) if frame % 12)).rate(100.0, 102.0)
    assert rate.missing == pytest.approx(3 / 48, abs=1e-4)  # the first one is before the span
    assert not rate.full(0.05)


def test_a_clock_that_stood_is_held() -> None:
    half = watched(*range(24))  # and then nothing for a second
    rate = half.rate(100.0, 102.0)
    assert rate.held == pytest.approx(0.5, abs=1 / FPS)
    assert rate.missing == 0
    assert not rate.full(0.01)


def test_nothing_is_no_rate() -> None:
    assert not watched().rate(0.0, 1.0).full(0.5)


@given(st.integers(24, 240), st.floats(0, 1 / FPS))
def test_where_the_span_begins_between_two_frames_makes_no_difference(
    frames: int, phase: float
) -> None:
    rate = watched(*range(frames)).rate(100.0 - phase, 100.0 - phase + frames / FPS)
    assert rate.full(0.0)
