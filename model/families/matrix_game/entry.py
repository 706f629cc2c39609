"""The matrix_game family's entry in the catalogue, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lightcone.model.families.matrix_game.variants import VARIANTS
from lightcone.model.families.wan.entry import found_file
from lightcone.model.interface import Model, UnknownWorld, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings


class MatrixGameFamily:
    name = "matrix_game"
    known = tuple(VARIANTS)

    def names(self, weights: Path) -> tuple[str, ...]:
        """A folder `transformer/` alone may be of any family, so it offers none."""
        return tuple(
            name
            for name, variant in VARIANTS.items()
            if variant.random or found_file(weights, variant.own_files)
        )

    def knows(self, world: str, weights: Path) -> bool:
        return world in VARIANTS

    def info(self, world: str, weights: Path) -> WorldInfo:
        try:
            return VARIANTS[world].info
        except KeyError:
            raise UnknownWorld(f"unknown world '{world}' (known: {', '.join(VARIANTS)})") from None

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.matrix_game.model import MatrixGameModel
        from lightcone.model.families.matrix_game.weights import opened
        from lightcone.model.families.wan.weights import place_of

        where = place_of(settings)
        weights = [
            opened(VARIANTS[name].decoded_by(settings.decoder), settings.weights, where)
            for name in worlds
        ]
        return MatrixGameModel(weights, where, steps=settings.steps)
