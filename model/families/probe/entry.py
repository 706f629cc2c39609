"""The probe family's entry in the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lightcone.model.families.probe.variants import PROBES
from lightcone.model.interface import Model, WorldInfo

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings


class ProbeFamily:
    name = "probe"
    known = tuple(PROBES)

    def names(self, weights: Path) -> tuple[str, ...]:
        return self.known

    def knows(self, world: str, weights: Path) -> bool:
        return world in PROBES

    def info(self, world: str, weights: Path) -> WorldInfo:
        return PROBES[world]

    def open(self, worlds: tuple[str, ...], settings: ModelSettings) -> Model:
        from lightcone.model.families.probe.model import ProbeModel

        return ProbeModel(settings.probe_compute_ms, worlds)
