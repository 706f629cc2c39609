from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.degradation import (
    CALM_S,
    EVIDENCE_S,
    LATE_CHUNKS,
    Degradation,
    Rung,
)

CHUNK_S = 1 / 12


def run(
    ladder: Degradation, start: float, seconds: float, *, late: bool, load: float = 0.5
) -> float:
    now = start
    while now < start + seconds:
        ladder.observe(now, late=late, load=1.0 if late else load)
        now += CHUNK_S
    return now


def test_steps_go_first_then_the_rate_then_the_claim_to_be_in_time() -> None:
    ladder = Degradation((4, 2, 1), 0.5)
    seen = [ladder.standing]
    now = 0.0
    while not ladder.standing.overloaded:
        if ladder.observe(now, late=True, load=1.0):
            seen.append(ladder.standing)
        now += CHUNK_S
    assert [standing.rung for standing in seen] == [
        Rung(4, Fraction(1)),
        Rung(2, Fraction(1)),
        Rung(1, Fraction(1)),
        Rung(1, Fraction(3, 4)),
        Rung(1, Fraction(1, 2)),
        Rung(1, Fraction(1, 2)),
    ]


def test_late_chunks_of_a_thread_with_room_change_nothing() -> None:
    ladder = Degradation((2, 1), 0.5)
    for i in range(100):
        assert not ladder.observe(i * CHUNK_S, late=True, load=0.6)


def test_a_late_chunk_now_and_then_changes_nothing() -> None:
    ladder = Degradation((1,), 0.5)
    for i in range(100):
        assert not ladder.observe(i * EVIDENCE_S / (LATE_CHUNKS - 1), late=True, load=1.0)


def test_it_goes_up_again_one_by_one_where_there_is_room() -> None:
    ladder = Degradation((2, 1), 0.5)
    now = run(ladder, 0.0, 1.0, late=True)
    lowest = ladder.standing
    now = run(ladder, now, CALM_S - 1, late=False)
    assert ladder.standing == lowest
    run(ladder, now, 20 * CALM_S, late=False, load=0.4)
    assert ladder.standing.rung == Rung(2, Fraction(1))


def test_it_stays_where_what_is_better_would_need_too_much() -> None:
    ladder = Degradation((2, 1), 0.5)
    now = run(ladder, 0.0, 2 * LATE_CHUNKS * CHUNK_S - CHUNK_S / 2, late=True)
    assert ladder.standing.rung == Rung(1, Fraction(3, 4))
    run(ladder, now, 20 * CALM_S, late=False, load=0.7)  # 0.93 at the full rate
    assert ladder.standing.rung == Rung(1, Fraction(3, 4))
    ladder = Degradation((2, 1), 0.5)
    now = run(ladder, 0.0, LATE_CHUNKS * CHUNK_S - CHUNK_S / 2, late=True)
    run(ladder, now, 20 * CALM_S, late=False, load=0.45)  # 0.9 with twice the steps
    assert ladder.standing.rung == Rung(1, Fraction(1))


def test_what_has_failed_is_tried_again_more_and_more_rarely() -> None:
    ladder = Degradation((2, 1), 1.0)
    tried: list[float] = []
    now = 0.0
    while len(tried) < 4:
        late = ladder.standing.rung.steps == 2  # the machine can not keep that up
        before = ladder.standing
        load = 1.0 if late else 0.3
        if ladder.observe(now, late=late, load=load) and before.rung.steps == 1:
            tried.append(now)
        now += CHUNK_S
    waits = [b - a for a, b in itertools.pairwise(tried)]
    assert waits[0] > 1.5 * CALM_S
    assert all(b > 1.5 * a for a, b in itertools.pairwise(waits))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.floats(0.01, 2)), max_size=200),
    st.sampled_from([(1,), (2, 1), (4, 2, 1)]),
    st.floats(0.1, 1),
)
def test_it_moves_one_rung_at_a_time_and_never_below_the_lowest_rate(
    script: list[tuple[bool, float, float]], steps: tuple[int, ...], min_rate: float
) -> None:
    ladder = Degradation(steps, min_rate)
    now = 0.0
    for late, load, seconds in script:
        before = ladder.standing
        changed = ladder.observe(now, late=late, load=load)
        after = ladder.standing
        assert changed == (before != after)
        assert after.rung.rate >= min(min_rate, 1)
        assert after.rung.steps in steps
        if after.rung.rate < 1:
            assert after.rung.steps == steps[-1]
        if late:  # never up with a late chunk
            assert after.rung.steps <= before.rung.steps
            assert after.rung.rate <= before.rung.rate
        now += seconds
