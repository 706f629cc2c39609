"""The matrix_game family's entry in the catalogue, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightcone.model.families.matrix_game.variants import VARIANTS
from lightcone.model.families.wan.entry import VideoFamily
from lightcone.model.interface import Model

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings


class MatrixGameFamily(VideoFamily):
    name, variants = "matrix_game", VARIANTS

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.matrix_game.model import MatrixGameModel
        from lightcone.model.families.matrix_game.weights import opened
        from lightcone.model.families.wan.weights import place_of

        where = place_of(settings)
        variants = [VARIANTS[name].decoded_by(settings.decoder) for name in worlds]
        weights = [opened(variant, settings.weights, where) for variant in variants]
        return MatrixGameModel(weights, where, steps=settings.steps)
