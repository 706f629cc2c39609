"""A gymnasium environment that counts, and that can be made to fail; its process imports this."""

from __future__ import annotations

import os
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

NAME = "env:tiny_environments:Counting-v0"
ADD, RAISE, HANG, DIE = "action_1", "action_2", "action_3", "action_4"
EPISODE = 7  # frames


class Counting(gymnasium.Env[int, int]):
    """Its picture is as bright as 10 times the count, in red, and as a number of its seed, in
    green."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    action_space = spaces.Discrete(5)
    observation_space = spaces.Discrete(256)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.count = self.frames = 0
        self.mark = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.count = self.frames = 0
        self.mark = int(self.np_random.integers(256))
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.frames += 1
        if action == 1:
            self.count += 1
        elif action == 2:
            raise ValueError("as asked\nfor")
        elif action == 3:
            time.sleep(1000)
        elif action == 4:
            os._exit(3)
        return self.count, 0.0, self.frames == EPISODE, False, {}

    def render(self) -> Any:
        return np.full((21, 31, 3), (10 * self.count, self.mark, 0), np.uint8)


gymnasium.register("Counting-v0", Counting)
