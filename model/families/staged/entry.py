"""The staged family's entry in the catalogue, and what its weights contain, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightcone.model.codecs.cell import CELL
from lightcone.model.families.staged.definition import WORLDS, definition
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import Model, WeightsError, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


def weights_config(folder: Path) -> dict[str, Any]:
    """The configuration of the weights in a folder. Raises WeightsError."""
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise WeightsError(f"no weights in {folder}: {name} is missing")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: {error}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: not an object")
    return config


class StagedFamily:
    name = "staged"
    known = WORLDS

    def names(self, weights: Path) -> tuple[str, ...]:
        """Those that the weights were trained on; none where there are no weights."""
        try:
            trained = weights_config(weights).get("worlds")
        except WeightsError:
            return ()
        return tuple(w for w in WORLDS if isinstance(trained, list) and w in trained)

    def knows(self, world: str, weights: Path) -> bool:
        return world in WORLDS

    def info(self, world: str, weights: Path) -> WorldInfo:
        """Raises UnsupportedSetting where the weights' pictures have a size that no world has."""

        config = weights_config(weights)
        if world not in config.get("worlds", ()):
            raise WeightsError(f"no weights for '{world}' in {weights}")
        transformer, picture = config.get("transformer"), config.get("picture")
        if isinstance(transformer, dict) and isinstance(picture, dict):
            height, pixels = transformer.get("height"), picture.get("pixels", CELL)
            if isinstance(height, int) and isinstance(pixels, int):
                return definition(world).shown_at(PictureSize(height).at(pixels))
        raise WeightsError(f"weights in {weights} are for another architecture")

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.staged.model import StagedModel
        from lightcone.model.families.staged.weights import Weights

        weights = Weights.load(settings.weights)
        return StagedModel(weights, worlds, steps=settings.steps or 1, device=settings.device)
