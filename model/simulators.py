"""The simulated worlds by name: teachers and judges, which never serve a frame."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from model.interface import UnknownWorld, WorldInfo
from model.worlds.clips import Clip

SIMULATED = ("court", "pond", "corridors")


class Simulator(Protocol):
    """A module such as `model.worlds.court.simulator`."""

    INFO: WorldInfo
    CONTACTS: tuple[str, ...]

    def seeded_trajectories(self, seeds: Sequence[int], frames: int, skip: int = 24) -> Any: ...

    def film(self, truth: Any) -> Clip[Any]: ...


def open_simulator(name: str) -> Simulator:
    """Raises UnknownWorld."""
    if name not in SIMULATED:
        known = ", ".join(SIMULATED)
        raise UnknownWorld(f"the world '{name}' has no simulator (known: {known})")
    return cast(Simulator, import_module(f"model.worlds.{name}.simulator"))
