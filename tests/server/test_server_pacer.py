from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.pacer import MIN_MARGIN_S, RECENT, Pacer

CHUNK_S = 2 / 24


def test_a_steady_chunk_time_is_predicted_with_the_least_margin() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.05)
    for _ in range(RECENT):
        pacer.record(took=0.02, late=-0.003)
    assert pacer.predicted_s == pytest.approx(0.02 + MIN_MARGIN_S)
    assert pacer.start_at(10.0) == pytest.approx(10.0 - 0.02 - MIN_MARGIN_S)


def test_the_slow_ones_among_the_recent_count_and_are_forgotten() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    for i in range(RECENT):
        pacer.record(took=0.06 if i % 6 == 0 else 0.02, late=-0.001)
    assert pacer.predicted_s > 0.06
    for _ in range(RECENT):
        pacer.record(took=0.02, late=-0.001)
    assert pacer.predicted_s < 0.03


def test_a_miss_widens_the_margin_by_more_than_the_lateness_and_it_narrows_slowly() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    pacer.record(took=0.02, late=0.010)
    wide = pacer.margin_s
    assert wide > 0.010
    pacer.record(took=0.02, late=-0.001)
    assert 0.99 * wide < pacer.margin_s < wide
    for _ in range(10_000):
        pacer.record(took=0.02, late=-0.001)
    assert pacer.margin_s == MIN_MARGIN_S


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.floats(-10, 10)),
        max_size=100,
    ),
    st.floats(0, 10),
)
def test_generation_never_runs_ahead_of_playback(
    records: list[tuple[float, float]], first_guess: float
) -> None:
    pacer = Pacer(CHUNK_S, first_guess)
    for took, late in records:
        pacer.record(took=took, late=late)
        assert 0 <= pacer.predicted_s <= CHUNK_S
        assert MIN_MARGIN_S <= pacer.margin_s <= CHUNK_S / 2
