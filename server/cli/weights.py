"""What can be said of worlds without loading torch."""

from __future__ import annotations

from pathlib import Path

from lightcone.model.catalogue import (
    LEARNED_WORLDS,
    PROBE_WORLDS,
    WORLD_NAMES,
    weights_config,
)
from lightcone.model.interface import (
    UnknownWorld,
    WeightsError,
)

ALL = "all"


def check_world(world: str, weights: Path) -> None:
    """Raises UnknownWorld, or WeightsError where the folder has no weights that know it."""
    if world not in WORLD_NAMES:
        raise UnknownWorld(f"unknown world '{world}' (known: {', '.join(WORLD_NAMES)})")
    if not _has_weights(world, weights):
        raise WeightsError(f"no weights for '{world}' in {weights}")


def served_worlds(names: str, weights: Path) -> tuple[str, ...]:
    """The worlds of a list with commas, each once; ALL stands for those that are learned and
    have weights. Raises UnknownWorld and WeightsError, the latter also where it is none."""
    if names == ALL:
        found = tuple(world for world in LEARNED_WORLDS if _has_weights(world, weights))
        if not found:
            raise WeightsError(f"no weights for any world in {weights}")
        return found
    asked = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not asked:
        raise UnknownWorld(f"no world is named (known: {', '.join(WORLD_NAMES)})")
    for world in asked:
        check_world(world, weights)
    return asked


def _has_weights(world: str, weights: Path) -> bool:
    return world in PROBE_WORLDS or world in _known_worlds(weights)


def _known_worlds(weights: Path) -> list[str]:
    """What the weights in a folder know; nothing where there are none. That they are whole is
    the model's to see."""
    try:
        return list(weights_config(weights).get("worlds", ()))
    except WeightsError:
        return []
