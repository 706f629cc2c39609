"""What can be said of worlds without opening a model."""

from __future__ import annotations

from pathlib import Path

from lightcone.model.catalogue import FAMILIES, family_of, learned_worlds
from lightcone.model.interface import (
    UnknownWorld,
    WeightsError,
)

ALL = "all"


def check_world(world: str, weights: Path) -> None:
    """Raises UnknownWorld, or WeightsError where the folder has no weights that know it."""
    family = family_of(world, weights)
    if world in family.known and world not in family.names(weights):
        raise WeightsError(f"no weights for '{world}' in {weights}")


def served_worlds(names: str, weights: Path) -> tuple[str, ...]:
    """The worlds of a list with commas, each once; ALL stands for those that are learned and
    have weights. Raises UnknownWorld and WeightsError, the latter also where it is none."""
    if names == ALL:
        return _learned(weights)
    asked = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not asked:
        known = ", ".join(name for family in FAMILIES for name in family.known)
        raise UnknownWorld(f"no world is named (known: {known})")
    for world in asked:
        check_world(world, weights)
    return asked


def first_world(weights: Path) -> str:
    """The one that a server begins with. Raises WeightsError where there is none."""
    return _learned(weights)[0]


def _learned(weights: Path) -> tuple[str, ...]:
    found = learned_worlds(weights)
    if not found:
        raise WeightsError(f"no weights for any world in {weights}")
    return found
