"""The env family's entry in the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lightcone.model.interface import Model, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings

PREFIX = "env:"


class EnvFamily:
    name = "env"
    known = ("env:NAME of a gymnasium environment", "env:vizdoom/SCENARIO")

    def names(self, weights: Path) -> tuple[str, ...]:
        """None: any environment that is installed can be named."""
        return ()

    def knows(self, world: str, weights: Path) -> bool:
        return world.startswith(PREFIX)

    def info(self, world: str, weights: Path) -> WorldInfo:
        from lightcone.model.families.env.model import environment_info

        return environment_info(world)

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.env.model import EnvModel

        return EnvModel(worlds)
