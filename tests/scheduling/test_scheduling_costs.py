"""Costs that follow the steps that are made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.admission import Demand, capacity
from lightcone.server.scheduling.costs import ENOUGH, MOST, StepTimes
from lightcone.server.worker.messages import StepCost

FIRST = {1: 20.0, 2: 30.0, 4: 50.0}


def test_a_few_steps_change_nothing() -> None:
    times = StepTimes(FIRST)
    for _ in range(ENOUGH - 1):
        times.record(1, 0.005)
    assert times.step_ms() == FIRST


def test_the_median_of_the_last_steps_counts_and_moves_the_other_sizes_with_it() -> None:
    times = StepTimes(FIRST)
    for number in range(ENOUGH):
        times.record(1, 1.0 if number % 3 == 0 else 0.010)
    assert times.step_ms() == pytest.approx({1: 10.0, 2: 15.0, 4: 25.0})
    for _ in range(ENOUGH):
        times.record(4, 0.1)
    assert times.step_ms() == pytest.approx({1: 10.0, 2: 15.0, 4: 100.0})
    for _ in range(ENOUGH):
        times.record(1, 0.020)
    assert times.step_ms() == pytest.approx({1: 20.0, 2: 30.0, 4: 100.0})


def test_a_world_that_opened_on_a_busy_machine_takes_more_sessions_later() -> None:
    times = StepTimes({1: 80.0, 2: 120.0})

    def room() -> int:
        return capacity(Demand(StepCost(times.step_ms(), 0.1, 1), 1 / 12, 24), 2**30)

    assert room() == 0
    for _ in range(ENOUGH):
        times.record(1, 0.020)
    assert room() == 4


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4]), st.floats(0, 1e6)), max_size=400))
def test_figures_stay_within_bounds(steps: list[tuple[int, float]]) -> None:
    times = StepTimes(FIRST)
    for bucket, took_s in steps:
        times.record(bucket, took_s)
    for bucket, ms in times.step_ms().items():
        assert FIRST[bucket] / MOST <= ms <= FIRST[bucket] * MOST
