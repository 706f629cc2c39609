"""Worlds by name, and what weights say of themselves; for those that are not learned, without
torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import (
    UnknownWorld,
    WeightsError,
    World,
    WorldInfo,
)

if TYPE_CHECKING:
    from lightcone.model.families.staged.weights import Weights

LEARNED_WORLDS = ("court", "pond", "corridors")
PROBE_WORLDS = ("probe", "probe-wide")  # not learned: for tests and for measuring
WORLD_NAMES = LEARNED_WORLDS + PROBE_WORLDS
WEIGHTS_DIR = Path(__file__).parent / "weights"


WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


def weights_config(folder: Path) -> dict[str, Any]:
    """What weights say of themselves. Raises WeightsError."""
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise WeightsError(f"no weights in {folder}: {name} is missing")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: {error}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: not an object")
    return config


def world_info(name: str, weights: Path = WEIGHTS_DIR) -> WorldInfo:
    """The facts of a world as weights in a folder show it, without opening it. Raises
    UnknownWorld, WeightsError, and UnsupportedSetting where their pictures have no size that can be
    had."""
    if name in PROBE_WORLDS:
        from lightcone.model.families.probe.model import PROBES

        return PROBES[name]
    if name in LEARNED_WORLDS:
        from lightcone.model.families.staged.learnable import (
            open_simulator,
            shown_at,
        )

        config = weights_config(weights).get("transformer")
        if not isinstance(config, dict) or not isinstance(config.get("height"), int):
            raise WeightsError(f"weights in {weights} are for another architecture")
        return shown_at(open_simulator(name).INFO, PictureSize(config["height"]))
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
        from lightcone.model.families.probe.model import ProbeWorld

        return ProbeWorld(probe_compute_ms, world_info(name))
    if name in LEARNED_WORLDS:
        from lightcone.model.families.staged.model import LearnedWorld
        from lightcone.model.families.staged.weights import Weights

        loaded = Weights.load(weights) if isinstance(weights, Path) else weights
        return LearnedWorld(loaded, name, steps=steps, device=device)
    raise _unknown(name)


def _unknown(name: str) -> UnknownWorld:
    return UnknownWorld(f"unknown world '{name}' (known: {', '.join(WORLD_NAMES)})")
