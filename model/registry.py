"""Opening a world by name."""

from __future__ import annotations

from pathlib import Path

from model.interface import UnknownWorld, World

WORLD_NAMES = ("court", "probe")
WEIGHTS_DIR = Path(__file__).parent / "weights"


def open_world(
    name: str,
    *,
    weights: Path = WEIGHTS_DIR,
    steps: int = 1,
    device: str = "cpu",
    probe_compute_ms: float = 20.0,
) -> World:
    """Load a world ready to step.

    Raises UnknownWorld, WeightsError where its weights are missing or corrupt, and
    UnsupportedSetting.
    """
    if name == "probe":
        from model.worlds.probe import ProbeWorld

        return ProbeWorld(probe_compute_ms)
    if name == "court":
        from model.world import LearnedWorld

        return LearnedWorld.load(weights / name, steps=steps, device=device)
    raise UnknownWorld(f"unknown world '{name}' (known: {', '.join(WORLD_NAMES)})")
