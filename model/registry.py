"""Opening a world by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from model.interface import UnknownWorld, World, WorldInfo

if TYPE_CHECKING:
    from model.weights import Weights

LEARNED_WORLDS = ("court", "pond", "corridors")
PROBE_WORLDS = ("probe", "probe-wide")  # not learned: for tests and for measuring
WORLD_NAMES = LEARNED_WORLDS + PROBE_WORLDS
WEIGHTS_DIR = Path(__file__).parent / "weights"


def world_info(name: str) -> WorldInfo:
    """The facts of a world, without opening it. Raises UnknownWorld."""
    if name in PROBE_WORLDS:
        from model.worlds.probe import PROBES

        return PROBES[name]
    if name in LEARNED_WORLDS:
        from model.simulators import open_simulator

        return open_simulator(name).INFO
    raise _unknown(name)


def open_world(
    name: str,
    *,
    weights: Path | Weights = WEIGHTS_DIR,
    steps: int = 1,
    device: str = "cpu",
    probe_compute_ms: float = 20.0,
) -> World:
    """Load a world ready to step, from a folder of weights or from what was loaded from one.

    Raises UnknownWorld, WeightsError where its weights are missing or corrupt, and
    UnsupportedSetting.
    """
    if name in PROBE_WORLDS:
        from model.worlds.probe import ProbeWorld

        return ProbeWorld(probe_compute_ms, world_info(name))
    if name in LEARNED_WORLDS:
        from model.weights import Weights
        from model.world import LearnedWorld

        loaded = Weights.load(weights) if isinstance(weights, Path) else weights
        return LearnedWorld(loaded, name, steps=steps, device=device)
    raise _unknown(name)


def _unknown(name: str) -> UnknownWorld:
    return UnknownWorld(f"unknown world '{name}' (known: {', '.join(WORLD_NAMES)})")
