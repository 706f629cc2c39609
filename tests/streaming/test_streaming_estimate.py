"""What a viewer's line carries, which lane that gives it, and how many bits a lane has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.streaming.viewers.congestion.choice import (
    BACK_S,
    HEADROOM,
    HIGHER_EVERY_S,
    SLOW_S,
    Bounds,
    LaneBitrate,
    LaneChoice,
)
from lightcone.streaming.viewers.congestion.estimate import LOWEST, BandwidthEstimate
from lightcone.streaming.viewers.congestion.feedback import Limit, Reception

MOST = 2_000_000
BOUNDS = Bounds(MOST)


class Line:
    """Reports of a viewer, once a second, whose line carries so much of what is sent."""

    def __init__(self, bits: float = MOST) -> None:
        self.estimate = BandwidthEstimate(bits)
        self.now = 0.0
        self._highest = self._lost = self._sent = 0
        self._report()

    def second(self, sent: float, loss: float = 0.0, packets: int = 200) -> float:
        self.now += 1.0
        self._highest += packets
        self._lost += round(loss * packets)
        self._sent += int(sent / 8)
        self._report()
        return self.estimate.bits

    def _report(self) -> None:
        report = Reception(self._highest & 0xFFFF, self._lost)
        self.estimate.received(self.now, report, self._sent)


def test_a_line_that_loses_most_carries_what_comes_through() -> None:
    line = Line()
    assert line.second(2_000_000, loss=0.85) == pytest.approx(300_000, rel=0.01)


def test_accidents_do_not_make_a_line_thin() -> None:
    line = Line()
    for second in range(60):
        line.second(2_000_000, loss=0.08 + 0.04 * (second % 2))
    assert line.estimate.bits >= MOST


def test_a_line_that_loses_nothing_is_tried_further_but_not_beyond_what_was_sent() -> None:
    line = Line(200_000)
    first = line.second(190_000)
    assert first == pytest.approx(216_000)
    for _ in range(60):
        line.second(190_000)
    assert line.estimate.bits == pytest.approx(1.5 * 190_000 + 50_000)


def test_sequence_numbers_wrap() -> None:
    line = Line()
    for _ in range(10):
        line.second(2_000_000, packets=20_000)
    assert line.estimate.bits > MOST
    assert line.estimate.sent_bits == pytest.approx(2_000_000)


def test_a_receiver_that_lowers_its_limit_is_believed() -> None:
    line = Line()
    line.second(2_000_000)
    line.estimate.limited(Limit(1_900_000))
    assert line.estimate.bits > MOST
    line.estimate.limited(Limit(255_000))
    assert line.estimate.bits == 255_000
    for _ in range(3):
        line.second(300_000)
        line.estimate.limited(Limit(255_500))  # it does not raise it
    assert line.estimate.bits < 256_000
    line.second(230_000)
    line.estimate.limited(Limit(300_000))  # which is not limited by its line any more
    assert line.second(230_000) > 260_000


def test_a_viewer_that_stood_still_for_a_moment_has_a_good_line() -> None:
    line = Line()
    line.second(2_000_000)
    line.estimate.limited(Limit(1_900_000))
    line.estimate.limited(Limit(500_000))  # nothing came for half a second
    line.second(2_000_000)
    assert line.estimate.bits == 500_000
    line.estimate.limited(Limit(540_000))
    assert line.second(2_000_000) >= 2_000_000


def test_a_limit_that_is_low_as_little_was_sent_says_nothing() -> None:
    line = Line()
    for _ in range(5):
        line.second(50_000)
        line.estimate.limited(Limit(80_000))
    line.second(2_000_000)
    line.estimate.limited(Limit(86_000))  # it grows by 8 % a second at most
    assert line.estimate.bits >= MOST


def test_who_is_sent_nothing_tells_nothing() -> None:
    line = Line()
    for _ in range(10):
        line.second(0, packets=0)
    assert line.estimate.bits == MOST
    assert line.estimate.sent_bits == 0


REPORTS = st.lists(
    st.one_of(
        st.builds(Limit, st.integers(0, 2**40)),
        st.builds(Reception, st.integers(0, 2**32 - 1), st.integers(-(2**23), 2**23 - 1)),
    ),
    max_size=60,
)


@given(REPORTS, st.floats(0.01, 3), st.integers(0, 10**6))
def test_whatever_is_reported_gives_a_number_within_bounds(
    reports: list[Limit | Reception], step_s: float, sent: int
) -> None:
    estimate = BandwidthEstimate(MOST)
    for number, report in enumerate(reports):
        before = estimate.bits
        if isinstance(report, Limit):
            estimate.limited(report)
            assert estimate.bits <= before
        else:
            estimate.received(number * step_s, report, number * sent)
            assert estimate.bits <= max(before, estimate.tried)
        assert estimate.bits >= LOWEST


def test_a_viewer_goes_to_thin_and_comes_back_later_each_time() -> None:
    choice = LaneChoice(BOUNDS)
    now, waits = 0.0, []
    for _ in range(3):
        while not choice.update(now, 255_000, 3e6, 1_900_000):
            now += 1.0
        assert choice.thin
        since = now
        while not choice.update(now, 650_000, 650_000, 1_900_000):
            now += 1.0
        assert not choice.thin
        waits.append(now - since)
    assert waits == [BACK_S, 2 * BACK_S, 4 * BACK_S]


def test_a_lossy_line_goes_to_thin_and_stays_until_it_is_calm() -> None:
    choice = LaneChoice(BOUNDS)
    losses = [0.05] * 20 + [0.1] * 20 + [0.04] * 60 + [0.0] * 20
    moves = [
        second
        for second, loss in enumerate(losses)
        if choice.update(second, MOST, 3e6, 1_900_000, loss)
    ]
    assert moves == [20 + SLOW_S, 100 + BACK_S]
    assert not any(  # few bits a picture anyway
        choice.update(1000 + second, MOST, 3e6, BOUNDS.lossy, 0.2) for second in range(60)
    )


def test_one_bad_second_moves_nobody() -> None:
    choice = LaneChoice(BOUNDS)
    estimates = [255_000, MOST] * 20
    assert not any(
        choice.update(second, bits, 3e6, 1_900_000) for second, bits in enumerate(estimates)
    )


def test_nobody_goes_to_thin_where_that_would_not_be_less() -> None:
    choice = LaneChoice(BOUNDS)
    assert not any(choice.update(second, 20_000, 3e6, 80_000) for second in range(100))


@given(st.lists(st.tuples(st.floats(0.1, 5), st.floats(1e4, 5e6)), max_size=200))
def test_moves_keep_their_distance(steps: list[tuple[float, float]]) -> None:
    choice = LaneChoice(BOUNDS)
    now, came = 0.0, None
    for step_s, bits in steps:
        now += step_s
        if choice.update(now, bits, 1e6, 1.5e6):
            if not choice.thin:
                assert came is not None
                assert now - came >= BACK_S
            came = now


def test_a_lane_follows_its_slowest_at_once_down_and_in_steps_up() -> None:
    lane = LaneBitrate(BOUNDS.thin, MOST)
    assert lane.bits == BOUNDS.thin[1]
    assert lane.follow(0.0, [900_000, 300_000])
    assert lane.bits == HEADROOM * 300_000
    assert not lane.follow(1.0, [310_000])
    assert lane.follow(2.0, [400_000])
    assert not lane.follow(3.0, [600_000])
    assert lane.follow(2.0 + HIGHER_EVERY_S, [600_000])
    assert not lane.follow(9.0, [])


@given(st.lists(st.lists(st.floats(1e4, 1e8), max_size=4), max_size=50))
def test_a_lane_stays_within_its_bounds(seconds: list[list[float]]) -> None:
    for low, high in (BOUNDS.full, BOUNDS.thin):
        lane = LaneBitrate((low, high), MOST)
        for now, estimates in enumerate(seconds):
            before = lane.bits
            assert lane.follow(now, estimates) == (lane.bits != before)
            assert low <= lane.bits <= high
