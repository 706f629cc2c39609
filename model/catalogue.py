"""Worlds by name: the families, what they offer, and how their models are opened.

A family is a folder in `families/` and a line in `FAMILIES`. What a world is can be asked without
loading torch; only `open_model` loads what a model needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightcone.model.families.env.entry import EnvFamily
from lightcone.model.families.probe.entry import ProbeFamily
from lightcone.model.families.staged.entry import CONFIG_FILE as CONFIG_FILE
from lightcone.model.families.staged.entry import WEIGHTS_FILE as WEIGHTS_FILE
from lightcone.model.families.staged.entry import StagedFamily
from lightcone.model.families.staged.entry import weights_config as weights_config
from lightcone.model.interface import Model, UnknownWorld, WorldInfo

WEIGHTS_DIR = Path(__file__).parent / "weights"
LEARNED_WORLDS = StagedFamily.known
PROBE_WORLDS = ProbeFamily.known  # not learned: for tests and for measuring
WORLD_NAMES = LEARNED_WORLDS + PROBE_WORLDS


@dataclass(frozen=True)
class ModelSettings:
    """How a model is opened. A family reads what concerns it."""

    weights: Path = WEIGHTS_DIR
    steps: int = 1  # of denoising, of the staged family
    device: str = "cpu"
    probe_compute_ms: float = 20.0  # of one step of one state, of the probe family


class Family(Protocol):
    """A family's entry."""

    @property
    def name(self) -> str: ...

    @property
    def known(self) -> tuple[str, ...]:
        """The names of its worlds, for messages; a pattern where they are not numbered."""
        ...

    def names(self, weights: Path) -> tuple[str, ...]:
        """Its worlds that can be opened with the weights in a folder."""
        ...

    def knows(self, world: str) -> bool:
        """Whether the name is one of this family's."""
        ...

    def info(self, world: str, weights: Path) -> WorldInfo:
        """The properties of one of its worlds, quickly. Raises UnknownWorld, WeightsError and
        EnvironmentFailed."""
        ...

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        """A model with these of its worlds. Raises WeightsError, UnsupportedSetting and
        EnvironmentFailed."""
        ...


FAMILIES: tuple[Family, ...] = (StagedFamily(), ProbeFamily(), EnvFamily())


def family_of(world: str) -> Family:
    """Raises UnknownWorld."""
    for family in FAMILIES:
        if family.knows(world):
            return family
    known = ", ".join(name for family in FAMILIES for name in family.known)
    raise UnknownWorld(f"unknown world '{world}' (known: {known})")


def world_info(world: str, weights: Path = WEIGHTS_DIR) -> WorldInfo:
    """The properties of a world, without opening it. Raises UnknownWorld, WeightsError,
    UnsupportedSetting and EnvironmentFailed."""
    return family_of(world).info(world, weights)


def offered_worlds(weights: Path = WEIGHTS_DIR) -> tuple[str, ...]:
    """All worlds with a fixed name that can be opened with the weights in a folder."""
    return tuple(name for family in FAMILIES for name in family.names(weights))


def open_model(worlds: tuple[str, ...], settings: ModelSettings | None = None) -> Model:
    """A model with these worlds, which are of one family. Raises UnknownWorld, also where they
    are of several, and what the family raises."""
    families = {family.name: family for family in map(family_of, worlds)}
    if len(families) != 1:
        raise UnknownWorld(f"worlds of one family are opened together, not {', '.join(worlds)}")
    [family] = families.values()
    return family.open(worlds, settings or ModelSettings())
