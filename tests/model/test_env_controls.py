"""Action spaces as buttons and axes, and inputs as actions of the space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from lightcone.model.families.env.controls import Controls, controls_of
from lightcone.model.families.env.gym import LARGEST, SMALLEST, fitted
from lightcone.model.interface import EnvironmentFailed

SPACES: list[spaces.Space[Any]] = [
    spaces.Discrete(1),
    spaces.Discrete(6, start=-2),
    spaces.MultiBinary(5),
    spaces.MultiDiscrete([2, 3, 4]),
    spaces.Box(-1.0, 1.0, (4,), np.float32),
    spaces.Box(np.array([-1, 0, 0.5], np.float32), np.array([1, np.inf, 2], np.float32)),
]


def named(controls: Controls, *held: str, **axes: float) -> Any:
    row = [float(b.name in held) for b in controls.buttons]
    row += [axes.get(axis.name, 0.0) for axis in controls.axes]
    return controls.action(np.array(row, np.float32))


@given(st.sampled_from(SPACES), st.data())
def test_inputs_are_actions_of_the_space(space: spaces.Space[Any], data: st.DataObject) -> None:
    controls = controls_of("Anything", space)
    row = [float(data.draw(st.booleans())) for _ in controls.buttons]
    row += [data.draw(st.floats(axis.low, axis.high, width=32)) for axis in controls.axes]
    assert space.contains(controls.action(np.array(row, np.float32)))


@pytest.mark.parametrize("space", SPACES)
def test_names_and_keys_are_unique(space: spaces.Space[Any]) -> None:
    controls = controls_of("Anything", space)
    names = [c.name for c in (*controls.buttons, *controls.axes)]
    keys = [key for button in controls.buttons for key in button.keys]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)
    assert all(axis.low <= 0 <= axis.high for axis in controls.axes)


def test_nothing_held_does_nothing_where_there_is_such_an_action() -> None:
    car = controls_of("MountainCar", spaces.Discrete(3))
    assert [b.name for b in car.buttons] == ["left", "right"]
    assert (named(car), named(car, "left"), named(car, "right")) == (1, 0, 2)
    assert named(controls_of("CartPole", spaces.Discrete(2))) == 0


def test_combined_actions_are_those_of_the_held_buttons() -> None:
    meanings = ["NOOP", "FIRE", "UP", "RIGHT", "UPRIGHT", "UPRIGHTFIRE"]
    game = controls_of("Pong", spaces.Discrete(6), meanings)
    assert named(game, "up", "right") == 4
    assert named(game, "up", "right", "fire") == 5
    assert named(game) == 0


def test_axes_can_be_pushed_by_keys() -> None:
    car = controls_of("CarRacing", spaces.Box(np.float32([-1, 0, 0]), np.float32([1, 1, 1])))
    assert [axis.name for axis in car.axes] == ["steer", "gas", "brake"]
    assert named(car, "steer_less").tolist() == [-1, 0, 0]
    assert named(car, "gas_more", steer=0.5).tolist() == [0.5, 1, 0]


@pytest.mark.parametrize(
    "space", [spaces.Box(0, 1, (2, 2)), spaces.Dict({"a": spaces.Discrete(2)}), spaces.Discrete(99)]
)
def test_spaces_beyond_keys_are_refused(space: spaces.Space[Any]) -> None:
    with pytest.raises(EnvironmentFailed):
        controls_of("Anything", space)


@given(st.integers(4, 2600), st.floats(0.25, 4))
@settings(deadline=None, max_examples=40)
def test_pictures_have_even_sides_within_reach(height: int, ratio: float) -> None:
    picture = fitted(np.zeros((height, max(int(height * ratio), 4), 3), np.uint8))
    sides = picture.shape[:2]
    assert all(side % 2 == 0 for side in sides)
    assert SMALLEST <= min(sides) <= max(sides) <= LARGEST


def test_what_is_no_picture_is_refused() -> None:
    for what in (None, [], np.zeros((4, 4))):
        with pytest.raises(EnvironmentFailed, match="no picture"):
            fitted(what)
    with pytest.raises(EnvironmentFailed, match="2000 by 1 pixels"):
        fitted(np.zeros((1, 2000, 3), np.uint8))
