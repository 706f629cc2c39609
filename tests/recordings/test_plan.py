"""Which episodes a run is made of does not depend on who records them when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.recordings.plan import Order, Plan

MOST = 50


@given(
    lengths=st.lists(st.integers(1, 80), min_size=1, max_size=8),
    wanted=st.integers(1, 400),
    processes=st.integers(1, 4),
    data=st.data(),
)
def test_a_run_is_the_same_in_any_order(
    lengths: list[int], wanted: int, processes: int, data: st.DataObject
) -> None:
    def played(order: Order) -> int:
        return min(lengths[order.index % len(lengths)], order.most)

    expected: dict[int, int] = {}
    while sum(expected.values()) < wanted:
        left = min(wanted - sum(expected.values()), MOST)
        expected[len(expected)] = played(Order(len(expected), left))

    plan, made = Plan(wanted, MOST), dict[int, int]()
    running: list[Order] = []
    while not plan.finished:
        while len(running) < processes and (order := plan.order()) is not None:
            assert order.index not in [each.index for each in running]
            running.append(order)
        order = running.pop(data.draw(st.integers(0, len(running) - 1)))
        made[order.index] = played(order)
        plan.take(order.index, made[order.index])
    for order in running:  # that end when nobody waits for them any more
        made[order.index] = played(order)
    for index in plan.beyond():
        del made[index]
    assert made == expected
    assert plan.order() is None
