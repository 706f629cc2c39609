from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.pacer import (
    MARGIN_S,
    RECENT,
    Pacer,
)

CHUNK_S = 2 / 24


def test_a_steady_chunk_time_is_predicted_with_the_least_margin() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    for _ in range(5000):
        pacer.record(took=0.02, late=-0.003)
    assert pacer.predicted_s == pytest.approx(0.02 + MARGIN_S, abs=1e-5)
    assert pacer.start_at(10.0) == pytest.approx(10.0 - 0.02 - MARGIN_S, abs=1e-5)


def test_a_slow_chunk_counts_at_once_and_is_forgotten_slowly() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    pacer.record(took=0.06, late=-0.001)
    assert pacer.predicted_s == pytest.approx(0.06 + MARGIN_S)
    for _ in range(5 * RECENT):
        pacer.record(took=0.02, late=-0.001)
    assert pacer.predicted_s > 0.05
    for _ in range(3000):
        pacer.record(took=0.02, late=-0.001)
    assert pacer.predicted_s < 0.0215


def test_a_chunk_that_started_late_has_needed_that_too() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    planned = pacer.predicted_s
    pacer.record(took=0.02, late=0.010)
    assert pacer.predicted_s == pytest.approx(planned + 0.010 + MARGIN_S)


def test_what_is_usual_is_never_below_the_prediction() -> None:
    pacer = Pacer(CHUNK_S, first_guess_s=0.02)
    for i in range(10_000):
        pacer.record(took=0.05 if i % 6 == 0 else 0.02, late=-0.001)
    assert pacer.predicted_s >= 0.05


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
