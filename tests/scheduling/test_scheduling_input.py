from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.families.probe.variants import PROBE
from lightcone.model.interface import Axis, Button
from lightcone.server.scheduling.axis import JITTER_S, AxisMean
from lightcone.server.scheduling.input import MAX_PENDING, HeldInput, Sample

BUTTONS = ("left", "right", "jump")
INFO = replace(
    PROBE,
    buttons=tuple(Button(name, name, ()) for name in BUTTONS),
    axes=(Axis("turn", "Turn", -3.0, 3.0), Axis("tilt", "Tilt", -1.0, 1.0)),
)
NOW = 5.0
FPS = 24


def accept(held: HeldInput, seq: int, *buttons: str, t: float | None = None) -> None:
    held.accept("seat", seq, float(seq) if t is None else t, buttons, {}, NOW)


def sample(held: HeldInput, frames: int = 2, now: float = NOW) -> Sample:
    return held.sample(now, frames, FPS)


def shown(sample: Sample) -> list[set[str]]:
    """What is held in each frame."""
    return [{n for n, on in zip(BUTTONS, row, strict=False) if on} for row in sample.actions]


def carried(sample: Sample) -> list[tuple[int, int]]:
    return [(message.seq, message.frame) for message in sample.carried]


def test_what_is_held_stays_held_and_is_receipted_once() -> None:
    held = HeldInput(INFO, NOW)
    accept(held, 1, "right")
    first = sample(held)
    assert (shown(first), carried(first)) == ([{"right"}, {"right"}], [(1, 0)])
    second = sample(held)
    assert (shown(second), carried(second)) == ([{"right"}, {"right"}], [])


@pytest.mark.parametrize(
    ("ms", "frames", "lasts"), [(5, 4, 1), (42, 4, 1), (83, 4, 2), (125, 4, 3), (900, 4, 4)]
)
def test_a_tap_lasts_as_long_as_it_was_held(ms: float, frames: int, lasts: int) -> None:
    held = HeldInput(INFO, NOW)
    accept(held, 1, "jump", t=1000)
    accept(held, 2, t=1000 + ms)
    first = sample(held, frames)
    assert shown(first) == [{"jump"}] * lasts + [set()] * (frames - lasts)
    if lasts < frames:
        assert carried(first) == [(1, 0), (2, lasts)]
    else:  # the release shows in the chunk after
        assert carried(first) == [(1, 0)]
        assert carried(sample(held, frames)) == [(2, 0)]


def test_two_taps_of_a_button_last_as_long_as_both() -> None:
    held = HeldInput(INFO, NOW)
    for seq, (t, *buttons) in enumerate([(0.0, "jump"), (42.0,), (84.0, "jump"), (126.0,)]):
        accept(held, seq, *buttons, t=t)
    both = sample(held, 4)
    assert shown(both) == [{"jump"}, {"jump"}, set(), set()]
    assert carried(both) == [(0, 0), (2, 0), (1, 2), (3, 2)]


def test_a_short_letting_go_of_what_was_held_changes_nothing() -> None:
    held = HeldInput(INFO, NOW)
    accept(held, 1, "jump")
    sample(held)
    accept(held, 2)
    accept(held, 3, "jump")
    again = sample(held)
    assert (shown(again), carried(again)) == ([{"jump"}] * 2, [(2, 0), (3, 0)])


def test_what_was_held_before_is_released_from_the_first_frame_on() -> None:
    held = HeldInput(INFO, NOW)
    accept(held, 1, "jump", t=0)
    sample(held)
    accept(held, 2, t=500)
    after = sample(held)
    assert (shown(after), carried(after)) == ([set(), set()], [(2, 0)])


def test_pending_receipts_are_bounded() -> None:
    held = HeldInput(INFO, NOW)
    for seq in range(2 * MAX_PENDING):
        accept(held, seq, "right")
    assert [seq for seq, _ in carried(sample(held))] == list(range(MAX_PENDING, 2 * MAX_PENDING))


def test_another_seat_releases_what_was_held() -> None:
    held = HeldInput(INFO, NOW)
    held.accept("a", 1, 0.0, ["left"], {"turn": 3.0}, NOW)
    held.accept("b", 1, 0.0, ["right"], {}, NOW)
    first = sample(held, now=NOW + 0.1)
    assert shown(first) == [{"right"}] * 2
    assert not first.actions[:, 3:].any()
    assert [(message.seat, message.seq) for message in first.carried] == [("b", 1)]


def test_after_a_release_nothing_is_held_and_nothing_receipted() -> None:
    held = HeldInput(INFO, NOW)
    held.accept("a", 1, 0.0, ["left"], {"turn": 3.0}, NOW)
    held.release(NOW)
    first = sample(held, now=NOW + 0.1)
    assert not first.actions.any()
    assert first.carried == ()


steps = st.lists(st.one_of(st.just(None), st.sets(st.sampled_from(BUTTONS))), max_size=60)


@given(steps, st.integers(1, 12))
def test_every_message_is_carried_once_and_every_press_is_seen(
    script: list[set[str] | None], frames: int
) -> None:
    held = HeldInput(INFO, NOW)
    sent: list[int] = []
    got: list[int] = []
    now: set[str] = set()
    pressed: set[str] = set()
    for seq, step in enumerate([*script, None, None]):
        if step is None:
            chunk = sample(held, frames)
            seen = shown(chunk)
            assert seen[0] == now | pressed
            assert all(now <= row <= now | pressed for row in seen)
            assert all(a >= b for a, b in itertools.pairwise(seen))
            assert all(0 <= frame < frames for _, frame in carried(chunk))
            got.extend(seq for seq, _ in carried(chunk))
            pressed = set()
        else:
            accept(held, seq, *sorted(step), t=20.0 * seq)
            sent.append(seq)
            pressed |= step - now
            now = step
    assert sorted(got) == sent


def move(held: HeldInput, seq: int, t: float, now: float, **axes: float) -> None:
    """At `t` seconds of the client's clock."""
    held.accept("seat", seq, 1000 * t, [], axes, now)


def axes(held: HeldInput, now: float) -> list[float]:
    """Strengths of the chunk that starts now, which are the same in all of its frames."""
    rows = sample(held, now=now).actions[:, len(BUTTONS) :]
    assert (rows == rows[0]).all()
    return [float(strength) for strength in rows[0]]


def test_an_axis_has_its_mean_since_the_last_sample() -> None:
    held = HeldInput(INFO, NOW)
    move(held, 1, 0.0, NOW + 0.02, turn=2.0, tilt=-1.0)
    move(held, 2, 0.03, NOW + 0.05, tilt=-1.0)
    assert axes(held, NOW + 0.08) == pytest.approx([2.0 * 0.03 / 0.08, -0.06 / 0.08])
    assert axes(held, NOW + 0.16) == pytest.approx([0.0, -1.0])


def test_what_was_moved_is_neither_lost_nor_doubled_when_messages_bunch() -> None:
    held = HeldInput(INFO, NOW)
    move(held, 1, 10.0, NOW, turn=1.0)
    total = 0.083 * axes(held, NOW + 0.083)[0]
    for i in range(1, 11):  # 100 ms of messages that all come 60 ms late
        move(held, 1 + i, 10.0 + i / 100, NOW + 0.16, turn=0.0 if i == 10 else 1.0)
    total += 0.083 * axes(held, NOW + 0.166)[0]
    assert total == pytest.approx(0.1)
    assert axes(held, NOW + 0.25) == [0.0, 0.0]


def test_a_bunch_beyond_the_limit_is_given_over_the_next_chunks() -> None:
    held = HeldInput(INFO, NOW)
    move(held, 1, 10.0, NOW)
    axes(held, NOW + 0.08)
    for i in range(21):  # 200 ms near the limit, of which nothing came until they were over
        move(held, 2 + i, 10.01 + i / 100, NOW + 0.21, turn=0.0 if i == 20 else 2.9)
    samples = [axes(held, NOW + 0.08 * i)[0] for i in range(3, 9)]
    assert samples[0] == pytest.approx(3.0)
    assert max(samples) <= 3.0
    assert 0.16 * samples[0] + 0.08 * sum(samples[1:]) == pytest.approx(0.2 * 2.9)
    assert samples[-1] == 0.0


def test_an_unknown_button_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError):
        accept(HeldInput(INFO, NOW), 1, "fly")


def test_actions_are_what_a_model_takes() -> None:
    actions = sample(HeldInput(INFO, NOW), 9).actions
    assert (actions.shape, actions.dtype) == ((9, 5), np.float32)


def test_a_clock_that_runs_ahead_does_not_move_for_long_after_it_has_stopped() -> None:
    mean = AxisMean(-3.0, 3.0, NOW)
    for i in range(100):
        mean.move(3.0, NOW + 0.02 * i, 0.1 * i)
    mean.move(0.0, NOW + 2.0, 10.0)
    mean.sample(NOW + 2.0)
    after = [mean.sample(NOW + 2.0 + 0.08 * i) for i in range(1, 6)]
    assert 0.08 * sum(after) == pytest.approx(3.0 * JITTER_S)
    assert after[-1] == 0.0


@pytest.mark.parametrize("steps", [[10, 5, 20, 30], [0, 0, 20, 20], [10, 20, 15, 14, 30]])
def test_time_is_not_counted_twice_when_a_clock_stands_or_steps_back(steps: list[int]) -> None:
    mean = AxisMean(-3.0, 3.0, NOW)
    mean.move(1.0, NOW, 10.0)
    for i, sent in enumerate(steps, 1):
        mean.move(1.0, NOW + i / 100, 10.0 + sent / 1000)
    mean.move(0.0, NOW + 0.06, 10.06)
    assert 0.08 * mean.sample(NOW + 0.08) == pytest.approx(0.06)


def test_a_client_without_a_clock_is_timed_by_ours() -> None:
    for sent in (0.0, -5.0, 1e9):
        mean = AxisMean(-3.0, 3.0, NOW)
        mean.move(1.0, NOW, sent)
        mean.move(0.0, NOW + 0.04, sent + (sent > 0) * 2 * JITTER_S)
        assert mean.sample(NOW + 0.08) == pytest.approx(0.5)


strengths = st.lists(st.tuples(st.floats(0.001, 0.1), st.floats(-3, 3)), min_size=1, max_size=40)


@given(strengths, st.floats(0.01, 0.2))
def test_samples_add_up_to_what_was_moved(script: list[tuple[float, float]], every: float) -> None:
    mean = AxisMean(-3.0, 3.0, 0.0)
    now = last = moved = total = 0.0
    strength = 0.0
    for seconds, following in [*script, (1.0, 0.0)]:
        mean.move(strength, now, now)
        moved += strength * seconds
        while last + every <= now + seconds:
            last += every
            total += every * mean.sample(last)
        now += seconds
        strength = following
    total += (now - last) * mean.sample(now)
    assert total == pytest.approx(moved, abs=1e-9)
