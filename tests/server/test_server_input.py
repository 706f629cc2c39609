from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.input import MAX_PENDING, HeldInput
from server.protocol import Input, ProtocolError

BUTTONS = ("left", "right", "jump")


def message(seq: int, *buttons: str) -> Input:
    return Input(seq=seq, t=float(seq), buttons=list(buttons))


def test_what_is_held_stays_held_and_is_receipted_once() -> None:
    held = HeldInput(BUTTONS)
    held.accept(message(1, "right"))
    first = held.sample()
    assert (first.held, first.carried) == ({"right"}, ((1, 1.0),))
    second = held.sample()
    assert (second.held, second.carried) == ({"right"}, ())


def test_a_tap_between_two_samples_lasts_one_chunk_and_its_release_is_carried_next() -> None:
    held = HeldInput(BUTTONS)
    held.accept(message(1, "jump"))
    held.accept(message(2))
    held.accept(message(3, "left"))
    first = held.sample()
    assert first.held == {"jump", "left"}
    assert first.carried == ((1, 1.0), (3, 3.0))
    second = held.sample()
    assert (second.held, second.carried) == ({"left"}, ((2, 2.0),))


def test_a_short_letting_go_of_what_was_held_changes_nothing() -> None:
    held = HeldInput(BUTTONS)
    held.accept(message(1, "jump"))
    held.sample()
    held.accept(message(2))
    held.accept(message(3, "jump"))
    sample = held.sample()
    assert (sample.held, [seq for seq, _ in sample.carried]) == ({"jump"}, [2, 3])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (message(5, "left"), "stale_sequence"),
        (message(4, "left"), "stale_sequence"),
        (message(6, "left", "fly"), "unknown_button"),
    ],
)
def test_what_is_refused_changes_nothing(bad: Input, code: str) -> None:
    held = HeldInput(BUTTONS)
    held.accept(message(5, "right"))
    with pytest.raises(ProtocolError) as error:
        held.accept(bad)
    assert error.value.code == code
    sample = held.sample()
    assert (sample.held, sample.carried) == ({"right"}, ((5, 5.0),))
    held.accept(message(6, "left"))


def test_pending_receipts_are_bounded() -> None:
    held = HeldInput(BUTTONS)
    for seq in range(2 * MAX_PENDING):
        held.accept(message(seq, "right"))
    sample = held.sample()
    assert [seq for seq, _ in sample.carried] == list(range(MAX_PENDING, 2 * MAX_PENDING))


steps = st.lists(st.one_of(st.just(None), st.sets(st.sampled_from(BUTTONS))), max_size=60)


@given(steps)
def test_every_message_is_carried_once_and_every_press_is_seen(
    script: list[set[str] | None],
) -> None:
    held = HeldInput(BUTTONS)
    sent: dict[int, set[str]] = {}
    carried: list[int] = []
    now: set[str] = set()
    pressed: set[str] = set()
    for seq, step in enumerate([*script, None, None]):
        if step is None:
            sample = held.sample()
            assert sample.held == now | pressed
            carried.extend(seq for seq, _ in sample.carried)
            pressed = set()
        else:
            held.accept(message(seq, *step))
            sent[seq] = step
            pressed |= step - now
            now = step
    assert sorted(carried) == list(sent)
