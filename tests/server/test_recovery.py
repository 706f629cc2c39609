"""What is kept to go on after a worker is lost, and whose fault the loss is taken for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.sessions.recovery.blame import MOST_LOSSES, Blame
from lightcone.server.sessions.recovery.rolling import RollingSnapshots


def test_a_session_that_takes_its_worker_down_three_times_is_named() -> None:
    blame = Blame()
    assert blame.lost({"a"}, ["a", "b"], 0) == set()
    assert blame.lost({"a"}, ["a", "b"], 20) == set()
    assert blame.lost({"a"}, ["a", "b"], 40) == {"a"}
    assert blame.lost({"b"}, ["b"], 41) == set()


def test_losses_far_apart_are_nobodys_fault() -> None:
    blame = Blame()
    assert all(blame.lost({"a"}, ["a"], 61 * i) == set() for i in range(20))


def test_where_it_is_not_known_they_are_restored_one_after_the_other() -> None:
    blame = Blame()
    assert blame.lost({"a", "b"}, ["a", "b"], 0) == set()
    assert not blame.careful(1)
    assert blame.lost({"a", "b"}, ["a", "b"], 2) == set()
    assert blame.careful(3)
    assert not blame.careful(100)


def test_a_worker_that_is_lost_again_and_again_takes_all_along() -> None:
    blame = Blame()
    lost = [blame.lost(set(), ["a", "b"], i) for i in range(MOST_LOSSES)]
    assert lost == [set()] * (MOST_LOSSES - 1) + [{"a", "b"}]


def test_the_snapshots_of_the_last_seconds() -> None:
    rolling = RollingSnapshots(fps=24, history_s=30)
    assert rolling.newest is None
    for second in range(60):
        rolling.add(24 * second, b"%d" % second)
    assert rolling.newest is not None
    assert rolling.newest.world_frame == 24 * 59
    assert len(rolling) == 31
    at = rolling.at(24 * 40 + 5)
    assert at is not None
    assert at.snapshot == b"40"
    assert rolling.at(24 * 29 - 1) is None
    rolling.go_back(24 * 40)
    assert rolling.at(10**6) == rolling.newest == at


def test_a_fork_can_go_back_as_far_as_the_session_it_came_from() -> None:
    parent, forked = RollingSnapshots(24, 30), RollingSnapshots(24, 30)
    for second in range(5):
        parent.add(24 * second, b"p")
    forked.add(60, b"f")
    forked.take_over(parent)
    kept = [forked.at(frame) for frame in (0, 30, 59, 60, 100)]
    assert [each.world_frame for each in kept if each] == [0, 24, 48, 60, 60]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2000))))
def test_only_the_past_is_kept_in_order(script: list[tuple[bool, int]]) -> None:
    rolling = RollingSnapshots(fps=10, history_s=20)
    present = 0
    for forward, by in script:
        present = present + by if forward else max(0, present - by)
        if forward:
            rolling.add(present, b"")
        else:
            rolling.go_back(present)
        newest = rolling.newest
        if newest is not None:
            assert newest.world_frame <= present
            assert rolling.at(present) == newest
            below = rolling.at(newest.world_frame - 1)
            assert below is None or below.world_frame < newest.world_frame
