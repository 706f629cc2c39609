from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.trials import GOOD, PROBES, Trial


def test_once_the_culprit_is_known_the_others_are_free() -> None:
    trial = Trial("abc")
    assert not trial.made("a", 0.01)
    trial.convict("c")
    trial.leave("c")
    assert trial.made("a", 0.01)
    assert trial.made("b", 0.01)


def test_without_a_culprit_all_stay_for_a_while() -> None:
    trial = Trial("ab")
    assert [trial.made("a", 0.01) for _ in range(GOOD)] == [False] * (GOOD - 1) + [True]


def test_who_hangs_but_answers_has_to_be_good_for_a_while() -> None:
    trial = Trial("ab")
    trial.convict("a")
    assert trial.made("b", 0.01)
    assert [trial.made("a", 0.01) for _ in range(5)] == [False] * 5
    trial.convict("a")
    assert [trial.made("a", 0.01) for _ in range(GOOD)] == [False] * (GOOD - 1) + [True]


def test_the_slow_one_is_found_by_comparison_and_stays() -> None:
    trial = Trial("abc", slow=True)
    for _ in range(PROBES - 1):
        assert not any(trial.made(member, 0.03 if member == "b" else 0.01) for member in "abc")
    assert not trial.made("a", 0.01)
    assert not trial.made("b", 0.03)
    assert trial.made("c", 0.01)
    assert trial.made("a", 0.01)
    assert not any(trial.made("b", 0.03) for _ in range(3 * GOOD))
    assert [trial.made("b", 0.012) for _ in range(GOOD)] == [False] * (GOOD - 1) + [True]


def test_where_all_are_slow_nobody_is_guilty() -> None:
    trial = Trial("ab", slow=True)
    for _ in range(PROBES - 1):
        trial.made("a", 0.3)
        trial.made("b", 0.35)
    trial.made("a", 0.3)
    assert trial.made("b", 0.35)
    assert trial.made("a", 0.3)


@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(["made", "convict", "leave"]), st.integers(0, 3), st.floats(0, 1))
    ),
)
def test_every_member_that_does_well_is_free_in_the_end(
    slow: bool, script: list[tuple[str, int, float]]
) -> None:
    trial = Trial(range(4), slow=slow)
    living = set(range(4))
    for what, member, seconds in script:
        if member not in living:
            continue
        if what == "made":
            if trial.made(member, seconds):
                trial.leave(member)
                living.discard(member)
        elif what == "convict":
            trial.convict(member)
        else:
            trial.leave(member)
            living.discard(member)
    for _ in range(2 * GOOD + PROBES):
        for member in sorted(living):
            if trial.made(member, 0.0):
                trial.leave(member)
                living.discard(member)
    assert not living
