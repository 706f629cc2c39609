"""The simulated worlds by name: teachers and judges, which never serve a frame, and what a model
that learned them still knows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor, nn

from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import (
    UnknownWorld,
    WorldInfo,
)
from lightcone.model.simulators.clips import Clip

Settle = Callable[[Mapping[str, int], Mapping[str, int]], dict[str, int]]
"""(values of all attributes, those of them that were asked for) -> values that can be had
together, of which as many are as asked as can be."""

Fit = Callable[[nn.Module, Tensor, Tensor], None]
"""Of a model of states, to facts (B, 2, COUNT) and the actions (B, 1, ...) between them."""

_HOME = {
    "facts": "families.staged",
    "geometry": "families.staged",
    "dynamics": "families.staged",
    "physics": "simulators",
}
SIMULATED = ("court", "pond", "corridors")


class Simulator(Protocol):
    """A module such as `lightcone.model.simulators.court.simulator`."""

    INFO: WorldInfo
    CONTACTS: tuple[str, ...]
    WORDS: dict[str, tuple[str, ...]]
    NOUNS: dict[str, str]  # which attribute of WORDS the word before them is of
    APPEARANCE: tuple[str, ...]  # fields of the state that its laws never read
    SEEN: tuple[str, ...]  # attributes of WORDS that tell how things look and sound
    HELD: tuple[str, ...]  # attributes of WORDS that stand as facts while a world runs

    def random_trajectories(self, *args: Any, **more: Any) -> Any: ...

    def seeded_trajectories(self, seeds: Sequence[int], frames: int, skip: int = 24) -> Any: ...

    def film(self, truth: Any, size: PictureSize = ...) -> Clip[Any]: ...

    def render(self, states: Any, size: PictureSize = ...) -> Tensor: ...

    def listen(self, truth: Any) -> Tensor: ...

    def restyle(self, states: Any, numbers: Tensor) -> Any: ...

    def captions(self, states: Any) -> list[str]: ...

    def attributes(self, states: Any) -> Tensor: ...

    def settle(self, values: Mapping[str, int], asked: Mapping[str, int]) -> dict[str, int]: ...


class Facts(Protocol):
    """A module such as `families.staged.court.facts`: simulator states as numbers."""

    NAMES: tuple[str, ...]
    COUNT: int
    CONTINUOUS: slice
    FLAGS: slice
    STATIC: slice
    CONTACTS_AT: slice

    def facts(self, truth: Any) -> Tensor:
        """(B, T, COUNT)."""
        ...


@dataclass(frozen=True)
class Learnable:
    """What the learned model of a world is built around, beside its weights."""

    facts: Facts
    geometry: Callable[[PictureSize], nn.Module]
    dynamics: Callable[[], nn.Module]
    loss_weights: Callable[[], Tensor]  # (COUNT,)
    moments: int  # of a frame, at which contacts can be
    fit: Fit | None  # of laws that are fitted at once; the rest is trained
    maps: int  # of the geometry
    textures: int  # 0 where the world is flat
    things: int  # that have sprites


def open_simulator(name: str) -> Simulator:
    """Raises UnknownWorld."""
    if name not in SIMULATED:
        known = ", ".join(SIMULATED)
        raise UnknownWorld(f"the world '{name}' has no simulator (known: {known})")
    return cast(Simulator, import_module(f"lightcone.model.simulators.{name}.simulator"))


def shown_at(info: WorldInfo, size: PictureSize) -> WorldInfo:
    """The same world in pictures of that size."""
    return replace(info, width=size.width, height=size.height)


def learnable(name: str) -> Learnable:
    """Of a world that has a simulator."""
    parts = {k: import_module(f"lightcone.model.{_HOME[k]}.{name}.{k}") for k in _HOME}
    geometry, dynamics = parts["geometry"], parts["dynamics"]
    return Learnable(
        facts=cast(Facts, parts["facts"]),
        geometry=geometry.Geometry,
        dynamics=dynamics.Dynamics,
        loss_weights=dynamics.loss_weights,
        moments=parts["physics"].SUBSTEPS,
        fit=getattr(dynamics, "fit", None),
        maps=geometry.MAPS,
        textures=getattr(geometry, "TEXTURES", 0),
        things=getattr(geometry, "THINGS", 0),
    )
