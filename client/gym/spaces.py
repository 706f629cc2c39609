"""The spaces of a world, as ViZDoom's gymnasium wrapper has them
(vizdoom/gymnasium_wrapper/base_gymnasium_env.py), and inputs and observations in them.

Observation: a Dict of `screen`, uint8 (H, W, 3), the last picture of a step, and, of a world with
sound, `audio`, int16 (samples, 2), the sound of exactly that step, both channels equal.

Action: MultiBinary for the buttons (Discrete where at most `max_buttons_pressed` may be held), Box
for the axes, a Dict of both ("binary", "continuous") where there are both. Unlike ViZDoom's, a Box
is normalised: 1 is an axis' `high`, -1 its `low`, 0 is at rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lightcone.client.errors import ClientError

Observation = dict[str, NDArray[Any]]
CHANNELS = 2
FULL_SCALE = 32767  # of an int16 sample


class AxisLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class WorldLike(Protocol):
    """What a catalogue's entry and a model's description of a world have in common."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def fps(self) -> int: ...
    @property
    def sample_rate(self) -> int | None: ...
    @property
    def chunk_frames(self) -> Sequence[int]: ...
    @property
    def axes(self) -> Sequence[AxisLike]: ...


class WorldSpaces:
    """Of a world with these buttons, of which a step is so many `chunks`. `frames` are those of a
    step, `samples` those of its sound, 0 without sound. Raises ClientError for a world that has no
    controls."""

    def __init__(
        self,
        world: WorldLike,
        buttons: Sequence[str],
        chunks: int = 1,
        max_buttons_pressed: int = 0,
    ) -> None:
        if not buttons and not world.axes:
            raise ClientError(f"'{world.name}' has no controls")
        if chunks < 1 or max_buttons_pressed < 0:
            raise ClientError("a step has at least one chunk, and no fewer than 0 buttons are held")
        self.world = world
        self.buttons = tuple(buttons)
        self.frames = chunks * world.chunk_frames[-1]
        self.samples = math.ceil(self.frames * (world.sample_rate or 0) / world.fps)
        self._combinations = _combinations(len(buttons), max_buttons_pressed)
        self.observation = self._observation_space()
        self.action = self._action_space()

    def held(self, action: Any) -> tuple[list[str], dict[str, float]]:
        """The buttons that an action holds, and the strengths of the axes that it moves."""
        both = isinstance(action, dict)
        binary = action["binary"] if both else action
        continuous = action["continuous"] if both else action
        pressed = [] if not self.buttons else self._pressed(binary)
        return pressed, {} if not self.world.axes else self._moved(continuous)

    def seen(self, picture: NDArray[np.uint8], sound: NDArray[np.float32] | None) -> Observation:
        """An observation of a picture (H, W, 3) and mono samples (n,) within [-1, 1]; what is
        short of a step's sound is silent."""
        observation: Observation = {"screen": np.array(picture)}
        if self.samples:
            audio = np.zeros((self.samples, CHANNELS), np.int16)
            if sound is not None:
                level = np.round(np.clip(sound[: self.samples], -1, 1) * FULL_SCALE)
                audio[: len(level)] = level[:, None]
            observation["audio"] = audio
        return observation

    def _observation_space(self) -> spaces.Dict:
        shape = (self.world.height, self.world.width, 3)
        parts: dict[str, spaces.Space[Any]] = {"screen": spaces.Box(0, 255, shape, np.uint8)}
        if self.samples:
            sound = (self.samples, CHANNELS)
            parts["audio"] = spaces.Box(-32768, 32767, sound, np.int16)
        return spaces.Dict(parts)

    def _action_space(self) -> spaces.Space[Any]:
        parts: dict[str, spaces.Space[Any]] = {}
        if self._combinations:
            parts["binary"] = spaces.Discrete(len(self._combinations))
        elif self.buttons:
            parts["binary"] = spaces.MultiBinary(len(self.buttons))
        if self.world.axes:
            low = np.array([-1.0 if axis.low < 0 else 0.0 for axis in self.world.axes], np.float32)
            high = np.array([1.0 if axis.high > 0 else 0.0 for axis in self.world.axes], np.float32)
            parts["continuous"] = spaces.Box(low, high, dtype=np.float32)
        return spaces.Dict(parts) if len(parts) > 1 else next(iter(parts.values()))

    def _pressed(self, binary: Any) -> list[str]:
        if self._combinations:
            return [self.buttons[i] for i in self._combinations[int(binary)]]
        return [name for name, on in zip(self.buttons, binary, strict=True) if on]

    def _moved(self, continuous: Any) -> dict[str, float]:
        moved = zip(self.world.axes, np.asarray(continuous, np.float64), strict=True)
        return {
            axis.name: float(value * axis.high if value > 0 else -value * axis.low)
            for axis, value in moved
            if value
        }


def _combinations(buttons: int, most: int) -> list[tuple[int, ...]]:
    """The buttons held in each Discrete action, none of them in the first."""
    if not buttons or not most:
        return []
    sizes = range(min(most, buttons) + 1)
    return [held for size in sizes for held in combinations(range(buttons), size)]
