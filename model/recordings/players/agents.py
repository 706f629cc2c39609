"""Agents: what plays where no person does. Equal seeds play equally."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.player import Box
from lightcone.model.interface import Image, ModelError, WorldInfo

Inputs = NDArray[np.float32]
"""Of one frame: (controls,), a row of `Actions`."""


@dataclass(frozen=True)
class View:
    """What an agent sees of a world before it decides on the next frame. `state` and `boxes` are
    empty where the environment does not say; before the first frame the picture is black."""

    frame: int
    picture: Image
    sound: NDArray[np.float32] | None
    state: Mapping[str, float]
    boxes: tuple[Box, ...]


Agent = Callable[[View], Inputs]

MakeAgent = Callable[[WorldInfo, int], Agent]
"""Of a world and the seed of an episode. `--agent MODULE:FUNCTION` names one of these."""


class UnknownAgent(ModelError):
    """There is no such agent, or it cannot play this world."""


def find_agent(name: str) -> MakeAgent:
    """Raises UnknownAgent."""
    if name in AGENTS:
        return AGENTS[name]
    module, colon, function = name.partition(":")
    if not colon:
        known = ", ".join(AGENTS)
        raise UnknownAgent(f"unknown agent '{name}' (known: {known}, MODULE:FUNCTION)")
    try:
        made = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnknownAgent(f"there is no agent '{name}': {error}") from error
    if not callable(made):
        raise UnknownAgent(f"'{name}' is no function")
    found: MakeAgent = made
    return found


def checked(agent: Agent, info: WorldInfo) -> Agent:
    """The agent, with inputs that fit the world's controls; raises UnknownAgent for others."""
    low = np.array([0.0] * len(info.buttons) + [axis.low for axis in info.axes], np.float32)
    high = np.array([1.0] * len(info.buttons) + [axis.high for axis in info.axes], np.float32)

    def act(view: View) -> Inputs:
        try:
            inputs = np.asarray(agent(view), np.float32)
        except Exception as error:  # whatever a user's function raises
            what = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise UnknownAgent(f"the agent failed at frame {view.frame}: {what}") from error
        if inputs.shape != low.shape or not np.isfinite(inputs).all():
            raise UnknownAgent(
                f"the agent gave inputs of shape {inputs.shape} that do not fit the "
                f"{info.controls} controls of '{info.name}'"
            )
        return inputs.clip(low, high)

    return act


def repeating(agent: Agent, frames: int) -> Agent:
    """The agent, who decides on every so many frames."""
    inputs = np.zeros(0, np.float32)

    def act(view: View) -> Inputs:
        nonlocal inputs
        if view.frame % frames == 0:
            inputs = agent(view)
        return inputs

    return act


_OPPOSITES = (
    ("left", "right"),
    ("forward", "backward"),
    ("up", "down"),
    ("next", "prev"),
    ("less", "more"),
)
_RARE = ("weapon", "use", "crouch")  # in the names of buttons that people press now and then
_FREE_SECONDS, _RARE_SECONDS = 0.7, 6.0  # medians between two presses
_HELD_SECONDS = 0.25  # median of a press
_SPREAD = 0.9  # of the logarithm of both
_AXIS_SECONDS = 0.3  # median of one sweep of a mouse
_SHY = 0.15  # share of episodes in which a control is never touched


class RandomPlayer:
    """Holds and lets go of every control for times as people do, one of two opposites at a time.
    `shy` is the share of buttons that it never touches in an episode."""

    def __init__(self, info: WorldInfo, seed: int, shy: float = _SHY) -> None:
        self._rng = np.random.default_rng((seed, 1))
        self._fps = info.fps
        self._buttons = [button.name for button in info.buttons]
        self._axes = info.axes
        self._held = np.zeros(len(self._buttons), bool)
        self._until = np.array([self._free(name) for name in self._buttons], np.float64)
        self._shy = self._rng.random(len(self._buttons)) < shy
        if self._shy.all():
            self._shy[:] = False
        self._other = [_opposite(name, self._buttons) for name in self._buttons]
        self._sweep = np.zeros(len(self._axes), np.float32)
        self._target = np.zeros(len(self._axes), np.float32)
        self._sweep_until = np.zeros(len(self._axes))

    def __call__(self, view: View) -> Inputs:
        now = view.frame / self._fps
        for i, name in enumerate(self._buttons):
            if now < self._until[i] or self._shy[i]:
                continue
            self._held[i] = not self._held[i]
            wait = self._span(_HELD_SECONDS) if self._held[i] else self._free(name)
            self._until[i] = now + wait
            other = self._other[i]
            if self._held[i] and other is not None and self._held[other]:
                self._held[other] = False
                self._until[other] = self._until[i] + self._free(self._buttons[other])
        for i, axis in enumerate(self._axes):
            if now >= self._sweep_until[i]:
                strength = 0.0 if self._rng.random() < 0.5 else self._rng.normal(0, 0.35)
                reach = axis.high if strength > 0 else -axis.low
                self._target[i] = np.clip(strength, -1, 1) * reach
                self._sweep_until[i] = now + self._span(_AXIS_SECONDS)
            self._sweep[i] += 0.4 * (self._target[i] - self._sweep[i])
        return np.concatenate([self._held.astype(np.float32), self._sweep])

    def _span(self, median: float) -> float:
        return float(median * np.exp(_SPREAD * self._rng.standard_normal()))

    def _free(self, name: str) -> float:
        return self._span(_RARE_SECONDS if any(part in name for part in _RARE) else _FREE_SECONDS)


def _opposite(name: str, names: list[str]) -> int | None:
    for one, other in (*_OPPOSITES, *((b, a) for a, b in _OPPOSITES)):
        if one in name and name.replace(one, other) in names:
            return names.index(name.replace(one, other))
    return None


_PHASE_SECONDS = 2.0  # median of playing at random, and of aiming
_NEAR = 0.05  # from the middle of the picture, in widths of it: near enough to shoot
_THINGS = ("Health", "Armor", "Ammo", "Weapon", "Key")  # categories of what one can pick up


class AimingPlayer:
    """By turns plays at random and goes for what is nearest: turns or steps towards the largest
    monster and shoots when it is before it, or walks towards things where nothing can be shot.

    It looks at the labels of ViZDoom, so nothing else can be played by it."""

    def __init__(self, info: WorldInfo, seed: int) -> None:
        self._random = RandomPlayer(info, seed)
        self._rng = np.random.default_rng((seed, 2))
        self._fps = info.fps
        self._index = {button.name: i for i, button in enumerate(info.buttons)}
        turns = ("turn_left", "turn_right")
        steps = ("move_left", "move_right")
        pairs = [pair for pair in (turns, steps) if set(pair) <= set(self._index)]
        self._axis = next((i for i, a in enumerate(info.axes) if a.name == "turn"), None)
        if not pairs and self._axis is None:
            raise UnknownAgent(f"the scripted agent cannot aim in '{info.name}': use random")
        self._left, self._right = pairs[0] if pairs else ("", "")
        self._most = info.axes[self._axis].high if self._axis is not None else 0.0
        self._shoots = "attack" in self._index
        self._aims = bool(self._rng.random() < 0.5)
        self._until = 0.0
        self._side = 1.0

    def __call__(self, view: View) -> Inputs:
        inputs = self._random(view)
        now = view.frame / self._fps
        if now >= self._until:
            self._aims = not self._aims
            self._side = float(self._rng.choice((-1.0, 1.0)))
            self._until = now + _PHASE_SECONDS * float(np.exp(0.7 * self._rng.standard_normal()))
        return self._aimed(view, inputs) if self._aims else inputs

    def _aimed(self, view: View, inputs: Inputs) -> Inputs:
        kinds = ("Monster",) if self._shoots else _THINGS
        seen = [box for box in view.boxes if box.category in kinds]
        if not seen and not self._shoots:
            return inputs
        out = np.zeros_like(inputs)
        if not seen:  # look around
            self._go(out, self._side)
            return out
        box = max(seen, key=lambda each: each.width * each.height)
        off = box.left + box.width / 2 - 0.5
        near = abs(off) < max(_NEAR, box.width / 3)
        if not near:
            self._go(out, float(np.clip(off * 4, -1, 1)))
        if self._shoots:
            out[self._index["attack"]] = float(near and self._rng.random() < 0.9)
        if "move_forward" in self._index and (not self._shoots or self._rng.random() < 0.3):
            out[self._index["move_forward"]] = 1.0
        return out

    def _go(self, out: Inputs, side: float) -> None:
        if self._left:
            out[self._index[self._right if side > 0 else self._left]] = 1.0
        elif self._axis is not None:
            out[len(self._index) + self._axis] = side * self._most


AGENTS: Mapping[str, MakeAgent] = {"random": RandomPlayer, "scripted": AimingPlayer}
