"""What runs in a session's process: an environment that is played frame by frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.entry import PREFIX
from lightcone.model.interface import EnvironmentFailed, Image, WorldInfo

VIZDOOM = "vizdoom/"
INSTALL = "pip install 'lightcone[env]'"

Inputs = NDArray[np.float32]
"""Of one frame: (controls,), a row of `Actions`."""


@dataclass(frozen=True)
class Box:
    """Where a thing is in a picture, in shares of it from 0 to 1."""

    kind: str  # its class in the game
    category: str  # "Monster", "Self", "Gibs", ...
    thing: int  # a number that it keeps
    left: float
    top: float
    width: float
    height: float


class Player(Protocol):
    """One environment. It raises whatever the environment raises."""

    @property
    def info(self) -> WorldInfo: ...

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        ...

    def step(self, inputs: Inputs) -> bool:
        """One frame; True where the episode ends with it."""
        ...

    def picture(self) -> Image: ...

    def sound(self) -> NDArray[np.float32] | None:
        """Of the last frame: (samples,) mono; None without sound."""
        ...

    def close(self) -> None: ...


def open_player(world: str) -> Player:
    """Raises UnknownWorld and EnvironmentFailed."""
    name = world.removeprefix(PREFIX)
    try:
        if name.startswith(VIZDOOM):
            from lightcone.model.families.env.doom import DoomPlayer

            return DoomPlayer(world, name.removeprefix(VIZDOOM))
        from lightcone.model.families.env.gym import GymPlayer

        return GymPlayer(world, name)
    except ModuleNotFoundError as error:
        if error.name in ("gymnasium", "vizdoom"):
            raise EnvironmentFailed(f"'{world}' needs {error.name} ({INSTALL})") from error
        raise


def episode_seed(seed: int, episode: int) -> int:
    """The seed of an episode of a session, from 0 to 2**31 - 1."""
    digest = hashlib.blake2b(f"{seed}/{episode}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") >> 1
