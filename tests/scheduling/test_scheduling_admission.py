from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.admission import Demand, capacity, fits
from lightcone.server.worker.messages import StepCost

GIB = 2**30
COURT = Demand(StepCost({1: 20.0, 2: 30.0, 4: 50.0}, 2.0, 100_000_000), 1 / 12, 24)


def test_sessions_share_a_batch_and_one_more_starts_another() -> None:
    assert fits({"court": COURT}, {"court": 4}, GIB)  # 50 of 83 ms
    assert not fits({"court": COURT}, {"court": 6}, GIB)  # 80 of 83 ms
    assert capacity(COURT, GIB) == 5  # 50 and 20 of 83 ms
    assert capacity(COURT, GIB, max_batch=1) == 3  # 20 ms each


def test_who_overbooks_has_more_sessions_but_no_more_memory() -> None:
    assert capacity(COURT, GIB, overbook=2) == 10
    slow = Demand(StepCost({1: 200.0}, 1.0, 400_000_000), 1 / 12, 24)
    assert capacity(slow, GIB) == 0
    assert capacity(slow, GIB, overbook=100) == 2


def test_encoding_and_memory_count_too() -> None:
    encoded = Demand(StepCost({1: 1.0, 8: 1.0}, 10.0, 1), 1 / 12, 24)
    assert capacity(encoded, GIB) == 3  # 240 ms a second each
    assert fits({"court": encoded}, {"court": 3}, GIB)
    assert not fits({"court": encoded}, {"court": 3}, GIB, more_encodes={"court": 1})
    large = Demand(StepCost({1: 1.0, 8: 1.0}, 0.1, 400_000_000), 1 / 12, 24)
    assert capacity(large, GIB) == 2


def test_worlds_share_the_thread() -> None:
    worlds = {"court": COURT, "pond": COURT}
    assert fits(worlds, {"court": 1, "pond": 1}, GIB)
    assert fits(worlds, {"court": 2, "pond": 2}, GIB)  # 60 of 83 ms
    assert not fits(worlds, {"court": 4, "pond": 2}, GIB)  # 80 of 83 ms


def test_who_has_short_chunks_can_not_wait_for_a_long_step() -> None:
    long = Demand(StepCost({1: 200.0}, 1.0, 1), 0.75, 16)
    assert fits({"long": long}, {"long": 1}, GIB)
    assert not fits({"court": COURT, "long": long}, {"court": 1, "long": 1}, GIB)


@given(
    st.floats(1, 100),
    st.floats(0, 1),
    st.floats(0, 20),
    st.integers(1, GIB),
    st.integers(0, 4),
)
def test_what_fits_still_fits_without_one(
    step_ms: float, each_more: float, encode_ms: float, size: int, max_batch: int
) -> None:
    steps = {n: step_ms * (1 + each_more * (n - 1)) for n in (1, 2, 3, 4, 6, 8)}
    demand = Demand(StepCost(steps, encode_ms, size), 1 / 12, 24)
    most = capacity(demand, 4 * GIB, max_batch)
    for n in range(most + 1):
        assert fits({"w": demand}, {"w": n}, 4 * GIB, max_batch)
    if most < 64:
        assert not fits({"w": demand}, {"w": most + 1}, 4 * GIB, max_batch)


def test_nothing_fits_into_nothing() -> None:
    assert fits({"court": COURT}, {}, 0)
    assert not fits({"court": COURT}, {"court": 1}, 0)
