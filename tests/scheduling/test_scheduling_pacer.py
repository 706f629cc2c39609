from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.pacer import FIRST, RECENT, Pacer, Peak


def test_a_steady_time_is_predicted_as_it_is() -> None:
    peak = Peak(0.02)
    assert peak.predicted_s == pytest.approx(FIRST * 0.02)
    for _ in range(5000):
        peak.record(0.02)
    assert peak.predicted_s == pytest.approx(0.02, abs=1e-5)


def test_a_slow_step_counts_at_once_and_is_forgotten_slowly() -> None:
    peak = Peak(0.02)
    peak.record(0.06)
    assert peak.predicted_s == pytest.approx(0.06)
    for _ in range(5 * RECENT):
        peak.record(0.02)
    assert peak.predicted_s > 0.05
    for _ in range(3000):
        peak.record(0.02)
    assert peak.predicted_s < 0.0205


def test_what_is_usual_is_never_below_the_prediction() -> None:
    peak = Peak(0.02)
    for i in range(10_000):
        peak.record(0.05 if i % 6 == 0 else 0.02)
    assert peak.predicted_s >= 0.05


def test_lead_and_busy_time_are_predicted_apart() -> None:
    pacer = Pacer(0.1)
    for _ in range(10_000):
        pacer.record(lead_s=0.03, busy_s=0.4)
    assert pacer.lead_s == pytest.approx(0.03, abs=1e-4)
    assert pacer.busy_s == pytest.approx(0.4, abs=1e-4)


def test_a_few_slow_steps_do_not_change_what_a_quick_one_takes() -> None:
    pacer = Pacer(0.02)
    for _ in range(3):
        pacer.record(lead_s=0.1, busy_s=0.1)
    assert pacer.quick_s == pytest.approx(0.1)  # there is nothing else to go by
    for _ in range(9):
        pacer.record(lead_s=0.02, busy_s=0.02)
    for _ in range(6):
        pacer.record(lead_s=0.1, busy_s=0.1)
    assert pacer.quick_s == pytest.approx(0.02)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=100), st.floats(0, 10))
def test_a_prediction_is_never_below_the_last_time(times: list[float], guess: float) -> None:
    peak = Peak(guess)
    for took in times:
        peak.record(took)
        assert took <= peak.predicted_s <= max(*times, FIRST * guess)
