"""The avdit family's entry in the catalogue, and what its weights contain, without torch.

A folder of weights holds one world, which has the name of its recordings. Folders beside shipped
weights, `<folder>/<world>/`, hold others.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightcone.model.interface import Model, UnknownWorld, WeightsError, WorldInfo
from lightcone.model.recordings.format import info_from_json

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
FAMILY = "avdit"
DEFAULT_STEPS = 1  # of denoising


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of the weights in a folder. Raises WeightsError."""
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(f"no weights in {folder}: {CONFIG_FILE} is missing") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} is corrupt: {error}") from error
    if not isinstance(config, dict) or config.get("family") != FAMILY:
        raise WeightsError(f"weights in {folder} are not of the {FAMILY} family")
    return config


def world_of(config: dict[str, Any], folder: Path) -> WorldInfo:
    """What its weights make of a world: as it was recorded, in chunks. Raises WeightsError."""
    try:
        shape, words = config["transformer"], tuple(config["words"])
        recorded = info_from_json(config["world"])
        return replace(
            recorded,
            description=f"Generated: learned from recordings of '{recorded.title}', "
            "which does not run here.",
            chunk_frames=(int(shape["latents"]) * int(shape["group"]),),
            prompt="grammar" if words else "none",
            words=words,
            changing_words=words,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: {error}") from error


def folders(weights: Path) -> dict[str, Path]:
    """The folder of each world of this family in and below a folder of weights."""
    found: dict[str, Path] = {}
    below = sorted(weights.iterdir()) if weights.is_dir() else []
    for folder in (weights, *(path for path in below if path.is_dir())):
        try:
            name = str(read_config(folder)["world"]["world"])
        except (WeightsError, KeyError, TypeError):
            continue
        if (folder / WEIGHTS_FILE).is_file():
            found.setdefault(name, folder)
    return found


class AvditFamily:
    name = FAMILY
    known: tuple[str, ...] = ()  # worlds are named by their recordings

    def names(self, weights: Path) -> tuple[str, ...]:
        return tuple(folders(weights))

    def knows(self, world: str, weights: Path) -> bool:
        return world in folders(weights)

    def info(self, world: str, weights: Path) -> WorldInfo:
        folder = _folder(world, weights)
        return world_of(read_config(folder), folder)

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.avdit.model import AvditModel
        from lightcone.model.families.avdit.weights import Weights

        loaded = {name: Weights.load(_folder(name, settings.weights)) for name in worlds}
        return AvditModel(
            loaded,
            steps=settings.steps or DEFAULT_STEPS,
            device=settings.device,
            action_guidance=settings.action_guidance,
        )


def _folder(world: str, weights: Path) -> Path:
    try:
        return folders(weights)[world]
    except KeyError:
        raise UnknownWorld(f"no weights for '{world}' in {weights}") from None
