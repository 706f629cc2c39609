"""What can be said of a world without loading torch."""

from __future__ import annotations

from pathlib import Path

from model.interface import UnknownWorld, WeightsError
from model.registry import WORLD_NAMES

UNLEARNED_WORLDS = ("probe",)


def check_world(world: str, weights: Path) -> None:
    """Raises UnknownWorld, or WeightsError where the folder has no weights for it."""
    if world not in WORLD_NAMES:
        raise UnknownWorld(f"unknown world '{world}' (known: {', '.join(WORLD_NAMES)})")
    folder = weights / world
    if world not in UNLEARNED_WORLDS and not any(folder.glob("*.safetensors")):
        raise WeightsError(f"no weights for '{world}' in {folder}")
