"""The worlds that can be judged by their truth, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.truth import EnvTruth, Truth
from lightcone.model.families.env.player import VIZDOOM
from lightcone.model.simulators.catalogue import SIMULATED

OpenTruth = Callable[[tuple[int, int]], Truth]
"""Of the size of the pictures."""

TRUTHS: Mapping[str, OpenTruth] = {
    "doom": lambda size: EnvTruth(f"{VIZDOOM}defend_the_center", size),
    **{world: partial(SimulatorTruth, world) for world in SIMULATED},
}
"""By the name of the world that a model makes."""
