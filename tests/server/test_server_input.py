from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.interface import Axis
from lightcone.server.control.protocol import (
    Input,
    ProtocolError,
)
from lightcone.server.scheduling.axis import (
    JITTER_S,
    AxisMean,
)
from lightcone.server.scheduling.input import (
    MAX_PENDING,
    HeldInput,
)

BUTTONS = ("left", "right", "jump")
AXES = (Axis("turn", "Turn", -3.0, 3.0), Axis("tilt", "Tilt", -1.0, 1.0))
NOW = 5.0


def message(seq: int, *buttons: str) -> Input:
    return Input(seq=seq, t=float(seq), buttons=list(buttons))


def test_what_is_held_stays_held_and_is_receipted_once() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(message(1, "right"), NOW)
    first = held.sample(NOW)
    assert (first.held, first.carried) == ({"right"}, ((1, 1.0),))
    second = held.sample(NOW)
    assert (second.held, second.carried) == ({"right"}, ())


def test_a_tap_between_two_samples_lasts_one_chunk_and_its_release_is_carried_next() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(message(1, "jump"), NOW)
    held.accept(message(2), NOW)
    held.accept(message(3, "left"), NOW)
    first = held.sample(NOW)
    assert first.held == {"jump", "left"}
    assert first.carried == ((1, 1.0), (3, 3.0))
    second = held.sample(NOW)
    assert (second.held, second.carried) == ({"left"}, ((2, 2.0),))


def test_a_short_letting_go_of_what_was_held_changes_nothing() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(message(1, "jump"), NOW)
    held.sample(NOW)
    held.accept(message(2), NOW)
    held.accept(message(3, "jump"), NOW)
    sample = held.sample(NOW)
    assert (sample.held, [seq for seq, _ in sample.carried]) == ({"jump"}, [2, 3])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (message(5, "left"), "stale_sequence"),
        (message(4, "left"), "stale_sequence"),
        (message(6, "left", "fly"), "unknown_button"),
        (Input(seq=6, t=6.0, buttons=["left"], axes={"roll": 0.0}), "unknown_axis"),
        (Input(seq=6, t=6.0, buttons=["left"], axes={"turn": 3.01}), "invalid"),
        (Input(seq=6, t=6.0, buttons=["left"], axes={"turn": 1, "tilt": -1.5}), "invalid"),
    ],
)
def test_what_is_refused_changes_nothing(bad: Input, code: str) -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(message(5, "right"), NOW)
    with pytest.raises(ProtocolError) as error:
        held.accept(bad, NOW)
    assert error.value.code == code
    sample = held.sample(NOW)
    assert (sample.held, sample.carried) == ({"right"}, ((5, 5.0),))
    held.accept(message(6, "left"), NOW)


def test_pending_receipts_are_bounded() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    for seq in range(2 * MAX_PENDING):
        held.accept(message(seq, "right"), NOW)
    sample = held.sample(NOW)
    assert [seq for seq, _ in sample.carried] == list(range(MAX_PENDING, 2 * MAX_PENDING))


steps = st.lists(st.one_of(st.just(None), st.sets(st.sampled_from(BUTTONS))), max_size=60)


@given(steps)
def test_every_message_is_carried_once_and_every_press_is_seen(
    script: list[set[str] | None],
) -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    sent: dict[int, set[str]] = {}
    carried: list[int] = []
    now: set[str] = set()
    pressed: set[str] = set()
    for seq, step in enumerate([*script, None, None]):
        if step is None:
            sample = held.sample(NOW)
            assert sample.held == now | pressed
            carried.extend(seq for seq, _ in sample.carried)
            pressed = set()
        else:
            held.accept(message(seq, *step), NOW)
            sent[seq] = step
            pressed |= step - now
            now = step
    assert sorted(carried) == list(sent)


def moved(seq: int, t: float, **axes: float) -> Input:
    """At `t` seconds of the client's clock."""
    return Input(seq=seq, t=1000 * t, buttons=[], axes=axes)


def test_an_axis_has_its_mean_since_the_last_sample() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(moved(1, 0.0, turn=2.0, tilt=-1.0), NOW + 0.02)
    held.accept(moved(2, 0.03, tilt=-1.0), NOW + 0.05)
    sample = held.sample(NOW + 0.08)
    assert sample.axes == {
        "turn": pytest.approx(2.0 * 0.03 / 0.08),
        "tilt": pytest.approx(-0.06 / 0.08),
    }
    assert held.sample(NOW + 0.16).axes == {"tilt": pytest.approx(-1.0)}


def test_what_was_moved_is_neither_lost_nor_doubled_when_messages_bunch() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(moved(1, 10.0, turn=1.0), NOW)
    total = 0.083 * held.sample(NOW + 0.083).axes["turn"]
    for i in range(1, 11):  # 100 ms of messages that all come 60 ms late
        held.accept(moved(1 + i, 10.0 + i / 100, turn=0.0 if i == 10 else 1.0), NOW + 0.16)
    total += 0.083 * held.sample(NOW + 0.166).axes["turn"]
    assert total == pytest.approx(0.1)
    assert held.sample(NOW + 0.25).axes == {}


def test_a_bunch_beyond_the_limit_is_given_over_the_next_chunks() -> None:
    held = HeldInput(BUTTONS, AXES, NOW)
    held.accept(moved(1, 10.0), NOW)
    held.sample(NOW + 0.08)
    for i in range(21):  # 200 ms near the limit, of which nothing came until they were over
        held.accept(moved(2 + i, 10.01 + i / 100, turn=0.0 if i == 20 else 2.9), NOW + 0.21)
    samples = [held.sample(NOW + 0.08 * i).axes.get("turn", 0.0) for i in range(3, 9)]
    assert samples[0] == pytest.approx(3.0)
    assert max(samples) <= 3.0
    assert 0.16 * samples[0] + 0.08 * sum(samples[1:]) == pytest.approx(0.2 * 2.9)
    assert samples[-1] == 0.0


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
    for i, told in enumerate(steps, 1):
        mean.move(1.0, NOW + i / 100, 10.0 + told / 1000)
    mean.move(0.0, NOW + 0.06, 10.06)
    assert 0.08 * mean.sample(NOW + 0.08) == pytest.approx(0.06)


def test_a_client_without_a_clock_is_timed_by_ours() -> None:
    for told in (0.0, -5.0, 1e9):
        mean = AxisMean(-3.0, 3.0, NOW)
        mean.move(1.0, NOW, told)
        mean.move(0.0, NOW + 0.04, told + (told > 0) * 2 * JITTER_S)
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
