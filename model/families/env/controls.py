"""Action spaces of gymnasium as buttons and axes, and inputs as actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from lightcone.model.families.env.player import Inputs
from lightcone.model.interface import Axis, Button, EnvironmentFailed, GamepadBinding

# Names of actions that every environment of a name has, by number; "" is the one that does nothing.
_KNOWN: dict[str, tuple[str, ...]] = {
    "CartPole": ("left", "right"),
    "MountainCar": ("left", "", "right"),
    "Acrobot": ("left", "", "right"),
    "LunarLander": ("", "left", "up", "right"),
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking": ("up", "right", "down", "left"),
    "Taxi": ("down", "up", "right", "left", "pick up", "drop off"),
    "Blackjack": ("stick", "hit"),
}
_KNOWN_AXES: dict[str, tuple[str, ...]] = {
    "CarRacing": ("steer", "gas", "brake"),
    "MountainCarContinuous": ("push",),
    "Pendulum": ("torque",),
    "LunarLander": ("main engine", "side engines"),
}
_KEYS: dict[str, tuple[str, ...]] = {
    "left": ("ArrowLeft", "KeyA"),
    "right": ("ArrowRight", "KeyD"),
    "up": ("ArrowUp", "KeyW"),
    "down": ("ArrowDown", "KeyS"),
    "fire": ("Space",),
}
_GAMEPAD: dict[str, tuple[GamepadBinding, ...]] = {
    "left": (GamepadBinding("button", 14), GamepadBinding("axis", 0, -1)),
    "right": (GamepadBinding("button", 15), GamepadBinding("axis", 0, 1)),
    "up": (GamepadBinding("button", 12), GamepadBinding("axis", 1, -1)),
    "down": (GamepadBinding("button", 13), GamepadBinding("axis", 1, 1)),
    "fire": (GamepadBinding("button", 0),),
}
_FREE_KEYS = (
    *(f"Digit{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)),
    *(f"Key{letter}" for letter in "FGHZXVBNUIOPKL"),
)
_AXIS_KEYS = (("ArrowLeft", "ArrowRight"), ("ArrowDown", "ArrowUp"), ("KeyA", "KeyD"))
_DIRECTIONS = ("UP", "DOWN", "LEFT", "RIGHT", "FIRE")  # in the actions' meanings of Atari games
_UNBOUNDED = 1.0  # where an axis has no limit


@dataclass(frozen=True)
class Controls:
    """`action` makes of inputs (buttons + axes,) what the environment takes."""

    buttons: tuple[Button, ...]
    axes: tuple[Axis, ...]
    action: Callable[[Inputs], Any]


def controls_of(name: str, space: Any, meanings: Sequence[str] | None = None) -> Controls:
    """Of an environment without its version; `meanings` of the actions as Atari games have them.
    Raises EnvironmentFailed where no keys can drive the space."""
    if isinstance(space, spaces.Discrete):
        return _discrete(_named(name, int(space.n), meanings), int(space.start))
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        buttons = _buttons([f"action {i + 1}" for i in range(space.shape[0])])
        return Controls(buttons, (), lambda row: (row > 0.5).astype(np.int8))
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) == 1:
        return _several([int(n) for n in space.nvec], space.start)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return _continuous(name, space)
    raise EnvironmentFailed(f"no keys can drive the action space of '{name}': {space}")


def _named(name: str, count: int, meanings: Sequence[str] | None) -> list[frozenset[str]]:
    """The buttons of each action."""
    if meanings is not None:
        return [frozenset(d.lower() for d in _DIRECTIONS if d in m) for m in meanings]
    names = _KNOWN.get(name, ())
    if len(names) != count:
        names = tuple(f"action {i}" for i in range(count))
    return [frozenset({each} if each else ()) for each in names]


def _discrete(actions: list[frozenset[str]], start: int) -> Controls:
    """The action is the one with most of the held buttons and no others: with none held, the one
    that does nothing, or else the first."""
    names = list(dict.fromkeys(name for action in actions for name in sorted(action)))
    buttons = _buttons(names)

    def action(row: Inputs) -> int:
        held = {name for name, value in zip(names, row, strict=True) if value > 0.5}
        fitting = [i for i, needs in enumerate(actions) if needs <= held]
        return start + max(fitting, key=lambda i: len(actions[i]), default=0)

    return Controls(buttons, (), action)


def _several(counts: list[int], start: Any) -> Controls:
    """Of each number, 0 with no button held, else that of its first held button."""
    names = [f"action {i + 1}.{v}" for i, n in enumerate(counts) for v in range(1, n)]
    buttons = _buttons(names)
    ends = np.cumsum([n - 1 for n in counts])[:-1]

    def action(row: Inputs) -> Any:
        groups = np.split(row > 0.5, ends)
        values = [int(g.argmax()) + 1 if g.any() else 0 for g in groups]
        return np.array(values, np.int64) + start

    return Controls(buttons, (), action)


def _continuous(name: str, space: spaces.Box) -> Controls:
    """An axis for each number, and buttons for the ends of the first few. At rest it is 0, or what
    is nearest to it."""
    low = np.where(np.isfinite(space.low), space.low, -_UNBOUNDED).astype(np.float32)
    high = np.where(np.isfinite(space.high), space.high, _UNBOUNDED).astype(np.float32)
    known = _KNOWN_AXES.get(name, ())
    names = known if len(known) == len(low) else [f"axis {i + 1}" for i in range(len(low))]
    axes = tuple(
        Axis(
            _identifier(each),
            each.capitalize(),
            min(float(low[i]), 0.0),
            max(float(high[i]), 0.0),
            ("x", "y")[i] if i < 2 else None,
            GamepadBinding("axis", i, 1) if i < 4 else None,
        )
        for i, each in enumerate(names)
    )
    ends: list[tuple[int, float]] = []  # of each button: the number it sets, and to what
    buttons: list[Button] = []
    for i, keys in enumerate(_AXIS_KEYS[: len(low)]):
        for key, end, word in zip(keys, (low[i], high[i]), ("less", "more"), strict=True):
            if end:
                ends.append((i, float(end)))
                label = f"{names[i].capitalize()} {word}"
                buttons.append(Button(_identifier(f"{names[i]} {word}"), label, (key,)))

    def action(row: Inputs) -> Any:
        values = row[len(buttons) :].astype(np.float32)
        for (i, end), held in zip(ends, row, strict=False):
            values[i] += end * (held > 0.5)
        return values.clip(low, high).astype(space.dtype)

    return Controls(tuple(buttons), axes, action)


def _buttons(names: Sequence[str]) -> tuple[Button, ...]:
    free = iter(_FREE_KEYS)
    buttons = []
    for name in names:
        keys = _KEYS.get(name) or tuple(key for key in [next(free, "")] if key)
        if not keys:
            raise EnvironmentFailed(
                f"there are {len(names)} actions, for which keys do not suffice"
            )
        buttons.append(Button(_identifier(name), name.capitalize(), keys, _GAMEPAD.get(name, ())))
    return tuple(buttons)


def _identifier(name: str) -> str:
    return name.replace(" ", "_").replace(".", "_")
