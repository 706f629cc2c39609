"""The simulated worlds by name: teachers and judges, which never serve a frame."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor

from model.interface import UnknownWorld, WorldInfo

SIMULATED = ("court",)


class Truth(Protocol):
    """What happened in B worlds over T frames."""

    @property
    def actions(self) -> Tensor: ...  # (B, T, buttons)

    @property
    def strength(self) -> Tensor: ...  # (B, T, contacts), 0 where none

    @property
    def when(self) -> Tensor: ...  # (B, T, contacts), time within the frame, 0 to 1


class Clip(Protocol):
    @property
    def frames(self) -> Tensor: ...  # (B, T, 3, H, W) uint8

    @property
    def sound(self) -> Tensor: ...  # (B, T * 1000)

    @property
    def captions(self) -> list[str]: ...

    @property
    def truth(self) -> Truth: ...


class Simulator(Protocol):
    """A module such as `model.worlds.court.simulator`."""

    INFO: WorldInfo
    CONTACTS: tuple[str, ...]

    def seeded_trajectories(self, seeds: Sequence[int], frames: int, skip: int = 24) -> Any: ...

    def film(self, truth: Any) -> Clip: ...


def open_simulator(name: str) -> Simulator:
    """Raises UnknownWorld."""
    if name not in SIMULATED:
        known = ", ".join(SIMULATED)
        raise UnknownWorld(f"the world '{name}' has no simulator (known: {known})")
    return cast(Simulator, import_module(f"model.worlds.{name}.simulator"))
