from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.batches import (
    MARGIN_S,
    ROUNDING_S,
    SLACK,
    Batch,
    Times,
    aligned,
    plan,
)

CHUNK_S = 1 / 12
MOST = 4


@dataclass(frozen=True)
class Waiting:
    name: int
    group: str
    due: float
    chunk_s: float = CHUNK_S


def times(first: Waiting, sessions: int) -> Times:
    seconds = (0.02 if first.group == "a" else 0.03) * (1 + 0.4 * (sessions - 1))
    return Times(seconds, seconds)


def planned(*waiting: Waiting, now: float = 0.0) -> list[Batch[Waiting]]:
    return plan(waiting, now, times, lambda first: MOST)


def names(batch: Batch[Waiting]) -> list[int]:
    return [member.name for member in batch.members]


def test_sessions_of_a_group_that_are_due_together_share_a_batch_just_in_time() -> None:
    [batch] = planned(*(Waiting(i, "a", 10.0) for i in range(3)))
    assert names(batch) == [0, 1, 2]
    assert batch.start == pytest.approx(10.0 - 0.036 - MARGIN_S)


def test_who_is_due_much_later_has_a_batch_of_its_own() -> None:
    early, late = planned(Waiting(0, "a", 10.0), Waiting(1, "a", 10.0 + 2 * SLACK * CHUNK_S))
    assert (names(early), names(late)) == ([0], [1])


def test_a_batch_takes_no_more_than_the_largest_bucket() -> None:
    batches = planned(*(Waiting(i, "a", 10.0) for i in range(6)))
    assert [len(batch.members) for batch in batches] == [4, 2]


def test_other_groups_are_not_in_a_batch_and_start_so_that_both_are_in_time() -> None:
    first, second = planned(Waiting(0, "b", 10.01), Waiting(1, "a", 10.0))
    assert (names(first), names(second)) == ([1], [0])
    assert second.start == pytest.approx(10.01 - 0.03 - MARGIN_S)
    assert first.start == pytest.approx(second.start - 0.02)


def test_who_is_due_a_little_later_is_left_out_where_that_keeps_both_in_time() -> None:
    now = 10.0 - 0.0225
    first, second = planned(Waiting(0, "a", 10.0), Waiting(1, "a", 10.02), now=now)
    assert (names(first), names(second)) == ([0], [1])
    [batch] = planned(Waiting(0, "a", 10.0), Waiting(1, "a", 10.0), now=now)
    assert names(batch) == [0, 1]


def test_who_would_have_to_wait_for_a_late_step_is_made_with_it() -> None:
    late = [Waiting(0, "a", 9.9), Waiting(1, "a", 10.0), Waiting(2, "a", 10.015)]
    [batch] = planned(*late, now=10.0)
    assert names(batch) == [0, 1, 2]
    first, second = planned(*late[:2], Waiting(2, "a", 10.05), now=10.0)
    assert (names(first), names(second)) == ([0, 1], [2])


def test_a_long_prediction_does_not_start_more_than_a_chunk_ahead() -> None:
    [batch] = plan([Waiting(0, "a", 10.0)], 0.0, lambda *_: Times(5.0, 5.0), lambda _: MOST)
    assert batch.start == pytest.approx(10.0 - CHUNK_S)


waitings = st.lists(
    st.tuples(st.sampled_from("ab"), st.floats(0, 2), st.sampled_from([CHUNK_S, 0.5])), max_size=20
).map(lambda many: [Waiting(i, *each) for i, each in enumerate(many)])


@given(waitings, st.floats(0, 3))
def test_everybody_is_in_one_batch_of_its_group(waiting: list[Waiting], now: float) -> None:
    batches = planned(*waiting, now=now)
    assert sorted(name for batch in batches for name in names(batch)) == list(range(len(waiting)))
    for batch in batches:
        assert len({member.group for member in batch.members}) == 1
        assert 1 <= len(batch.members) <= MOST


@given(waitings, st.floats(0, 3))
def test_the_earliest_deadline_is_first_and_nobody_is_far_ahead(
    waiting: list[Waiting], now: float
) -> None:
    batches = planned(*waiting, now=now)
    assert [batch.due for batch in batches] == sorted(batch.due for batch in batches)
    for batch in batches:
        for member in batch.members:
            assert batch.start >= member.due - member.chunk_s - 1e-9


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_nobody_starves(dues: list[float]) -> None:
    """One step after the other, each session coming back a chunk later: all get equally many."""
    due = {i: moment for i, moment in enumerate(dues)}
    made = dict.fromkeys(due, 0)
    now = 0.0
    for _ in range(200):
        batch = planned(*(Waiting(i, "ab"[i % 2], at) for i, at in due.items()), now=now)[0]
        now = max(now, batch.start) + times(batch.members[0], len(batch.members)).busy_s
        for name in names(batch):
            made[name] += 1
            due[name] = max(due[name], now) + CHUNK_S  # held where it was late
    assert min(made.values()) > 0
    # Dues differ by a chunk at first; a group that is late is due as often as the other.
    assert max(made.values()) - min(made.values()) <= 14


@given(st.floats(0, 1000), st.floats(0, 1000), st.floats(0.01, 1))
def test_an_aligned_moment_is_on_the_grid_and_less_than_a_chunk_away(
    earliest: float, grid: float, chunk_s: float
) -> None:
    moment = aligned(earliest, grid, chunk_s)
    assert earliest - 2 * ROUNDING_S <= moment < earliest + chunk_s + 1e-6
    chunks = (moment - grid) / chunk_s
    assert chunks == pytest.approx(round(chunks), abs=1e-4)


def test_rounding_does_not_cost_a_chunk() -> None:
    grid = 1000.0 + 37 * CHUNK_S
    assert aligned(grid + 1e-9, 1000.0, CHUNK_S) == pytest.approx(grid)
