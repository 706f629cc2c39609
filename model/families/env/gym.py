"""Any gymnasium environment that renders pictures."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import error as gym_error

from lightcone.model.families.env.controls import controls_of
from lightcone.model.families.env.player import Inputs
from lightcone.model.interface import EnvironmentFailed, Image, UnknownWorld, WorldInfo

FPS_MOST, FPS_DEFAULT = 60, 35
SMALLEST, LARGEST = 96, 1280  # sides of a picture in pixels, else it is scaled by a whole number
PAIRS_FROM = 31  # frames per second from which chunks have two frames


class GymPlayer:
    """Raises UnknownWorld and EnvironmentFailed when it is made."""

    def __init__(self, world: str, name: str) -> None:
        self._env = _make(name)
        self._env.reset(seed=0)
        meanings = getattr(self._env.unwrapped, "get_action_meanings", lambda: None)()
        self._controls = controls_of(_base(name), self._env.action_space, meanings)
        picture = self.picture()
        fps = int(self._env.metadata.get("render_fps") or FPS_DEFAULT)
        fps = min(max(fps, 1), FPS_MOST)
        self.info = WorldInfo(
            name=world,
            title=name,
            description=f"The gymnasium environment {name}: real, not generated.",
            width=picture.shape[1],
            height=picture.shape[0],
            buttons=self._controls.buttons,
            axes=self._controls.axes,
            fps=fps,
            sample_rate=None,
            chunk_frames=(2 if fps >= PAIRS_FROM else 1,),
        )

    def reset(self, seed: int) -> None:
        self._env.reset(seed=seed)

    def step(self, inputs: Inputs) -> bool:
        _, _, terminated, truncated, _ = self._env.step(self._controls.action(inputs))
        return bool(terminated or truncated)

    def picture(self) -> Image:
        return fitted(self._env.render())

    def sound(self) -> None:
        return None

    def close(self) -> None:
        self._env.close()


def fitted(picture: Any) -> Image:
    """A rendered picture, scaled by a whole number to sides from SMALLEST to LARGEST where it can
    be, and cropped to even ones. Raises EnvironmentFailed for what is no picture."""
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        raise EnvironmentFailed("the environment renders no picture of three colours")
    short, long = sorted(picture.shape[:2])
    times = min(-(-SMALLEST // short), LARGEST // long) if short else 0
    if times > 1:
        picture = picture.repeat(times, 0).repeat(times, 1)
    step = -(-max(picture.shape[:2]) // LARGEST)
    if step > 1:
        height, width = (side // step for side in picture.shape[:2])
        blocks = picture[: height * step, : width * step].reshape(height, step, width, step, 3)
        picture = blocks.mean((1, 3))
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    if not height or not width:
        raise EnvironmentFailed(f"the environment renders pictures of {long} by {short} pixels")
    return np.ascontiguousarray(picture[:height, :width], np.uint8)


def _make(name: str) -> gymnasium.Env[Any, Any]:
    try:
        return gymnasium.make(name, render_mode="rgb_array")
    except gym_error.DependencyNotInstalled as error:
        raise EnvironmentFailed(f"'{name}' needs more than is installed: {_line(error)}") from error
    except gym_error.Error as error:
        raise UnknownWorld(f"gymnasium has no environment '{name}': {_line(error)}") from error
    except ModuleNotFoundError as error:  # gymnasium leaves out which
        if ":" in name and error.name is None:
            module = name.partition(":")[0]
            raise UnknownWorld(f"there is no module '{module}' for '{name}'") from error
        raise


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _base(name: str) -> str:
    """Without module, namespace and version: "ALE/Pong-v5" is "Pong"."""
    return name.rpartition(":")[2].rpartition("/")[2].rpartition("-v")[0]
