"""Worlds by name: the families, what they offer, and how their models are opened.

A family is a folder in `families/` and a line in `FAMILIES`. What a world is can be asked without
loading torch; only `open_model` loads what a model needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightcone.model.families.avdit.entry import AvditFamily
from lightcone.model.families.env.entry import EnvFamily
from lightcone.model.families.matrix_game.entry import MatrixGameFamily
from lightcone.model.families.probe.entry import ProbeFamily
from lightcone.model.families.staged.entry import StagedFamily
from lightcone.model.families.wan.entry import WanFamily
from lightcone.model.interface import DecoderName, Model, UnknownWorld, WorldInfo

WEIGHTS_DIR = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class ModelSettings:
    """How a model is opened. A family reads what concerns it."""

    weights: Path = WEIGHTS_DIR
    steps: int | None = None  # of denoising, at most; by default the family's own
    device: str = "cpu"
    action_guidance: float = 1.0  # how strongly actions steer; 1: as learned
    probe_compute_ms: float = 20.0  # of one step of one state, of the probe family
    text_device: str = "cpu"  # of the text encoder, of the wan family
    decoder: DecoderName = "vae"  # of the wan and matrix_game families
    fp8_kv: bool = False  # keys and values of these families in eight bits
    fp8_linears: bool = False  # and their linear layers
    kv_gb: float = 0.0  # of an arena of keys and values of each of their worlds; 0: none
    compile: bool = False  # the transformers of these families, by torch.compile
    graphs: bool = False  # their passes are recorded as CUDA graphs


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

    def knows(self, world: str, weights: Path) -> bool:
        """Whether the name is one of this family's, also where its weights are missing."""
        ...

    def info(self, world: str, weights: Path) -> WorldInfo:
        """The properties of one of its worlds, quickly. Raises UnknownWorld, WeightsError and
        EnvironmentFailed."""
        ...

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        """A model with these of its worlds. Raises WeightsError, UnsupportedSetting and
        EnvironmentFailed."""
        ...


LEARNED: tuple[Family, ...] = (StagedFamily(), AvditFamily())
"""In the order in which their worlds are offered."""

FAMILIES: tuple[Family, ...] = (
    *reversed(LEARNED),  # recordings may name a world as a shipped one is named
    WanFamily(),
    MatrixGameFamily(),
    ProbeFamily(),
    EnvFamily(),
)


def family_of(world: str, weights: Path = WEIGHTS_DIR) -> Family:
    """The first family that knows the name. Raises UnknownWorld."""
    for family in FAMILIES:
        if family.knows(world, weights):
            return family
    found = dict.fromkeys(offered_worlds(weights))
    known = ", ".join(found | dict.fromkeys(n for family in FAMILIES for n in family.known))
    raise UnknownWorld(f"unknown world '{world}' (known: {known})")


def world_info(world: str, weights: Path = WEIGHTS_DIR) -> WorldInfo:
    """The properties of a world, without opening it. Raises UnknownWorld, WeightsError,
    UnsupportedSetting and EnvironmentFailed."""
    return family_of(world, weights).info(world, weights)


def learned_worlds(weights: Path = WEIGHTS_DIR) -> tuple[str, ...]:
    """The worlds whose weights are in a folder."""
    return tuple(dict.fromkeys(name for family in LEARNED for name in family.names(weights)))


def offered_worlds(weights: Path = WEIGHTS_DIR) -> tuple[str, ...]:
    """All worlds with a fixed name that can be opened with the weights in a folder."""
    others = [family for family in FAMILIES if family not in LEARNED]
    return tuple(dict.fromkeys(n for each in (*LEARNED, *others) for n in each.names(weights)))


def open_model(worlds: tuple[str, ...], settings: ModelSettings | None = None) -> Model:
    """A model with these worlds, which are of one family. Raises UnknownWorld, also where they
    are of several, and what the family raises."""
    settings = settings or ModelSettings()
    families = {f.name: f for f in (family_of(world, settings.weights) for world in worlds)}
    if len(families) != 1:
        raise UnknownWorld(f"worlds of one family are opened together, not {', '.join(worlds)}")
    [family] = families.values()
    return family.open(worlds, settings)
