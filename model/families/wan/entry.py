"""The wan family's entry in the catalogue, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightcone.model.families.wan.variants import VARIANTS, Variant
from lightcone.model.interface import Model, UnknownWorld, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings


class VideoFamily:
    """An entry of worlds that are variants of one architecture, by name."""

    name: str
    variants: Mapping[str, Variant]

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(self.variants)

    def names(self, weights: Path) -> tuple[str, ...]:
        return tuple(
            name
            for name, variant in self.variants.items()
            if variant.random or found_file(weights, variant.own_files)
        )

    def knows(self, world: str, weights: Path) -> bool:
        return world in self.variants

    def info(self, world: str, weights: Path) -> WorldInfo:
        try:
            return self.variants[world].info
        except KeyError:
            raise UnknownWorld(
                f"unknown world '{world}' (known: {', '.join(self.known)})"
            ) from None


class WanFamily(VideoFamily):
    name, variants = "wan", VARIANTS

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.wan.model import WanModel
        from lightcone.model.families.wan.weights import opened, place_of

        where = place_of(settings)
        variants = [VARIANTS[name].decoded_by(settings.decoder) for name in worlds]
        weights = [opened(variant, settings.weights, where) for variant in variants]
        return WanModel(weights, where, steps=settings.steps)


def found_file(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files or folders that is there."""
    return next((folder / name for name in names if (folder / name).exists()), None)
