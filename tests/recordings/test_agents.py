"""Agents: equal by seed, with inputs that fit, as people hold keys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_episodes import INFO
from numpy.typing import NDArray

from lightcone.model.families.env.player import Box
from lightcone.model.interface import Button, WorldInfo
from lightcone.model.recordings.players.agents import (
    Agent,
    AimingPlayer,
    Inputs,
    MakeAgent,
    RandomPlayer,
    UnknownAgent,
    View,
    checked,
    find_agent,
    repeating,
)

ARENA = replace(
    INFO,
    buttons=tuple(Button(n, n, ("KeyA",)) for n in ("turn_left", "turn_right", "attack", "use")),
    axes=(),
    fps=35,
)
BLACK = np.zeros((48, 64, 3), np.uint8)


def view(frame: int, *boxes: Box) -> View:
    return View(frame, BLACK, None, {}, boxes)


def monster(left: float, size: float = 0.1) -> Box:
    return Box("Imp", "Monster", 1, left, 0.4, size, size)


def play(agent: Agent, frames: int, *boxes: Box) -> NDArray[np.float32]:
    return np.stack([agent(view(i, *boxes)) for i in range(frames)])


@pytest.mark.parametrize("make", [RandomPlayer, AimingPlayer])
def test_equal_seeds_play_equally(make: MakeAgent) -> None:
    one, same, other = (play(make(ARENA, seed), 300, monster(0.8)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@given(seed=st.integers(0, 2**31 - 1))
def test_random_inputs_fit_and_opposites_are_never_held_together(seed: int) -> None:
    for info in (INFO, ARENA):
        played = play(checked(RandomPlayer(info, seed), info), 200)
        buttons, axes = np.split(played, [len(info.buttons)], 1)
        assert np.isin(buttons, (0, 1)).all()
        assert (np.abs(axes) <= 2.0).all()
    assert not (played[:, 0] * played[:, 1]).any()


def test_keys_are_held_for_a_while() -> None:
    played = np.concatenate([play(RandomPlayer(ARENA, seed), 600) for seed in range(8)])
    turning = played[:, 0]
    presses = (np.diff(turning) > 0).sum()
    assert 0.1 < turning.mean() < 0.6
    assert turning.sum() / presses > 5  # frames a press
    assert played[:, 3].mean() < 0.5 * turning.mean()  # "use" is rare


def aims(seed: int, *boxes: Box) -> NDArray[np.float32]:
    """Inputs of the frames in which an aiming player aims: those that another one, who plays at
    random with the same seed, does not give."""
    aiming, plain = AimingPlayer(ARENA, seed), RandomPlayer(ARENA, seed)
    return np.array(
        [
            mine
            for i in range(700)
            if (mine := aiming(view(i, *boxes))).tolist() != plain(view(i)).tolist()
        ]
    )


@pytest.mark.parametrize(("left", "column"), [(0.1, 0), (0.8, 1)])
def test_it_turns_to_the_largest_monster(left: float, column: int) -> None:
    found = aims(1, monster(left), monster(1 - left, 0.05), Box("Me", "Self", 2, 0, 0, 1, 1))
    assert len(found) > 50
    assert found[:, column].mean() > 0.95
    assert found[:, 1 - column].mean() < 0.05
    assert not found[:, 2].any()


def test_it_shoots_what_is_before_it() -> None:
    found = aims(1, monster(0.45))
    assert found[:, 2].mean() > 0.7
    assert not found[:, :2].any()


def test_inputs_are_repeated() -> None:
    def count(view: View) -> Inputs:
        return np.full(3, view.frame, np.float32)

    assert play(repeating(count, 3), 7)[:, 0].tolist() == [0, 0, 0, 3, 3, 3, 6]


def still(info: WorldInfo, seed: int) -> Agent:
    return lambda view: np.zeros(info.controls, np.float32)


def test_a_function_can_be_an_agent() -> None:
    agent = find_agent(f"{__name__}:still")(INFO, 0)
    assert agent(view(0)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clever", "unknown agent 'clever' .known: random, scripted, MODULE:FUNCTION"),
        ("no_such_module:play", "there is no agent 'no_such_module:play'"),
        (f"{__name__}:missing", "has no attribute 'missing'"),
        (f"{__name__}:BLACK", "is no function"),
    ],
)
def test_unknown_agents_are_named(name: str, message: str) -> None:
    with pytest.raises(UnknownAgent, match=message):
        find_agent(name)


def test_what_an_agent_does_wrong_is_named() -> None:
    def wrong(view: View) -> Inputs:
        return np.zeros(2 if view.frame < 5 else 1 // 0, np.float32)

    agent = checked(wrong, INFO)
    with pytest.raises(UnknownAgent, match=r"inputs of shape \(2,\) that do not fit the 3 contr"):
        agent(view(0))
    with pytest.raises(UnknownAgent, match="failed at frame 5: ZeroDivisionError"):
        agent(view(5))
    with pytest.raises(UnknownAgent, match="cannot aim in 'meadow'"):
        AimingPlayer(replace(INFO, axes=()), 0)
