"""The simulated worlds by name: teachers and judges, which never serve a frame."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from torch import Tensor

from lightcone.model.families.staged.definition import WORLDS
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import UnknownWorld
from lightcone.model.simulators.clips import Clip, Source

SIMULATED = WORLDS


class Simulator(Protocol):
    """A module such as `lightcone.model.simulators.court.simulator`."""

    APPEARANCE: tuple[str, ...]  # fields of the state that its laws never read
    SOURCE: Source[Any]

    def random_trajectories(self, *args: Any, **more: Any) -> Any: ...

    def seeded_trajectories(self, seeds: Sequence[int], frames: int, skip: int = 24) -> Any: ...

    def film(self, truth: Any, size: PictureSize = ...) -> Clip[Any]: ...

    def render(self, states: Any, size: PictureSize = ...) -> Tensor: ...

    def listen(self, truth: Any) -> Tensor: ...

    def restyle(self, states: Any, numbers: Tensor) -> Any: ...

    def captions(self, states: Any) -> list[str]: ...

    def attributes(self, states: Any) -> Tensor: ...

    def facts(self, truth: Any) -> Tensor:
        """What a learned model is given of trajectories, as numbers near [-1, 1]: (B, T, COUNT) of
        the world's facts (`families/staged/WORLD/facts.py`)."""
        ...


def open_simulator(name: str) -> Simulator:
    """Raises UnknownWorld."""
    if name not in SIMULATED:
        known = ", ".join(SIMULATED)
        raise UnknownWorld(f"the world '{name}' has no simulator (known: {known})")
    return cast(Simulator, import_module(f"lightcone.model.simulators.{name}.simulator"))
