"""The wan family's entry in the catalogue, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightcone.model.families.wan.variants import VARIANTS
from lightcone.model.interface import Model, UnknownWorld, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings


class WanFamily:
    name = "wan"
    known = tuple(VARIANTS)

    def names(self, weights: Path) -> tuple[str, ...]:
        return tuple(
            name
            for name, variant in VARIANTS.items()
            if variant.random or found_file(weights, variant.files)
        )

    def knows(self, world: str, weights: Path) -> bool:
        return world in VARIANTS

    def info(self, world: str, weights: Path) -> WorldInfo:
        try:
            return VARIANTS[world].info
        except KeyError:
            raise UnknownWorld(f"unknown world '{world}' (known: {', '.join(VARIANTS)})") from None

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.wan.model import WanModel
        from lightcone.model.families.wan.weights import opened, place_of

        where = place_of(settings)
        weights = [
            opened(VARIANTS[name].decoded_by(settings.decoder), settings.weights, where)
            for name in worlds
        ]
        return WanModel(weights, where, steps=settings.steps)


def found_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files or folders that is there."""
    return next((folder / name for name in names if (folder / name).exists()), None)
