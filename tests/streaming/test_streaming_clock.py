"""The media clock: due times, holding for late chunks, pausing. The times of frames on it."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lightcone.streaming import MediaClock
from lightcone.streaming.encoding.timeline import Timeline

seconds = st.floats(min_value=0, max_value=1e4, allow_nan=False)


def test_nothing_is_due_before_the_start() -> None:
    clock = MediaClock()
    assert not clock.running
    assert clock.due(0) == math.inf
    assert clock.media_time(123.0) == 0.0


@settings(deadline=None)
@given(now=seconds, begin=seconds, later=seconds)
def test_media_time_goes_on_at_the_rate_of_time(now: float, begin: float, later: float) -> None:
    clock = MediaClock()
    clock.start(now, begin)
    assert clock.due(begin) == pytest.approx(now, abs=1e-6)
    assert clock.due(begin + 1) - clock.due(begin) == pytest.approx(1, abs=1e-6)
    assert clock.media_time(now + later) == pytest.approx(begin + later, abs=1e-6)


@settings(deadline=None)
@given(late=st.floats(1e-3, 100), moment=seconds)
def test_what_comes_late_is_due_when_it_comes(late: float, moment: float) -> None:
    clock = MediaClock()
    clock.start(10.0)
    now = clock.due(moment) + late
    assert clock.hold(moment, now) == pytest.approx(late)
    assert clock.due(moment) == pytest.approx(now)
    assert clock.media_time(now) == pytest.approx(moment, abs=1e-6)
    assert (clock.stalls, clock.stalled_s) == (1, pytest.approx(late))


def test_what_is_not_late_holds_nothing() -> None:
    clock = MediaClock()
    assert clock.hold(0.125, 1.0) == 0.0
    clock.start(0.0)
    assert clock.hold(1.0, 0.5) == 0.0
    assert (clock.stalls, clock.stalled_s, clock.due(1.0)) == (0, 0.0, 1.0)


@settings(deadline=None)
@given(before=seconds, pause=seconds, after=seconds)
def test_a_pause_costs_no_media_time(before: float, pause: float, after: float) -> None:
    clock = MediaClock()
    clock.start(0.0)
    clock.pause(before)
    assert not clock.running
    assert clock.due(0) == math.inf
    assert clock.media_time(before + pause) == pytest.approx(before)
    clock.resume(before + pause)
    assert clock.media_time(before + pause + after) == pytest.approx(before + after, abs=1e-6)


def test_pausing_and_resuming_twice_is_once() -> None:
    clock = MediaClock()
    clock.start(0.0)
    clock.pause(1.0)
    clock.pause(2.0)
    clock.resume(3.0)
    clock.resume(4.0)
    assert clock.media_time(5.0) == pytest.approx(3.0)


def test_listeners_hear_of_changes_of_due_times() -> None:
    clock = MediaClock()
    heard: list[str] = []
    clock.on_change(lambda: heard.append("first"))
    forget = clock.on_change(lambda: heard.append("second"))
    clock.start(0.0)
    clock.hold(0.0, 0.5)
    clock.pause(1.0)
    forget()
    clock.resume(2.0)
    assert heard == ["first", "second"] * 3 + ["first"]
    clock.hold(4.0, 2.0)
    clock.resume(2.0)
    assert len(heard) == 7


class ClockHistory(RuleBasedStateMachine):
    """Whatever happens, media time and due times are each other's inverse, media time goes on
    at the rate of time, and it only ever steps back by what a hold returned."""

    @initialize(now=seconds)
    def begin(self, now: float) -> None:
        self.now = now
        self.clock = MediaClock()
        self.expected = 0.0

    @rule(step=st.floats(0, 10))
    def wait(self, step: float) -> None:
        self.now += step
        if self.clock.running:
            self.expected += step

    @rule()
    def run(self) -> None:
        self.clock.resume(self.now)

    @rule()
    def pause(self) -> None:
        self.clock.pause(self.now)

    @rule(moment=st.floats(0, 20))
    def hold(self, moment: float) -> None:
        held = self.clock.hold(moment, self.now)
        assert held >= 0
        self.expected -= held

    @invariant()
    def media_time_is_as_expected(self) -> None:
        assert self.clock.media_time(self.now) == pytest.approx(self.expected, abs=1e-6)

    @invariant()
    def due_is_the_inverse(self) -> None:
        if self.clock.running:
            assert self.clock.media_time(self.clock.due(0.3)) == pytest.approx(0.3, abs=1e-6)


TestClockHistory = ClockHistory.TestCase
TestClockHistory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@settings(max_examples=60, deadline=None)
@given(
    fps=st.integers(1, 120),
    begin=st.integers(0, 10**6),
    rates=st.lists(st.fractions(Fraction(1, 4), Fraction(1), max_denominator=8), max_size=20),
)
def test_frame_times_are_exact_and_grow(fps: int, begin: int, rates: list[Fraction]) -> None:
    timeline = Timeline(fps, begin, begin / fps)
    expected = Fraction(begin, fps)
    for count, rate in enumerate(rates):
        timeline.set_rate(rate)
        assert (timeline.frame, timeline.time) == (begin + count, expected)
        timeline.advance()
        expected += 1 / (fps * rate)
    timeline.skip_to(float(expected) + 1)
    assert abs(timeline.time - expected - 1) < 1e-5
    timeline.skip_to(0)
    assert timeline.time > expected
