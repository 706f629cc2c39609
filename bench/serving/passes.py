"""Steps of several sessions in one pass against one after the other, in this process."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from lightcone.model.catalogue import open_model
from lightcone.model.interface import Model, collect

WARM_UP = 6  # chunks


@dataclass(frozen=True)
class PassTimes:
    """Median milliseconds of a step with all sessions, and of one with a single session."""

    together_ms: float
    alone_ms: float


def measure(world: str, sessions: int, rounds: int) -> PassTimes:
    """In turns, so that what else the machine does falls on both."""
    with contextlib.closing(open_model((world,))) as model:
        conditioning = model.prepare(world)
        states = [model.start(world, seed, conditioning) for seed in range(sessions)]
        together, alone = [], []
        for round_ in range(WARM_UP + rounds):
            took, states = _step(model, world, states)
            each = []
            for i, state in enumerate(states):
                one, [states[i]] = _step(model, world, [state])
                each.append(one)
            if round_ >= WARM_UP:
                together.append(took)
                alone.append(sum(each) / sessions)
    return PassTimes(median(together), median(alone))


def _step(model: Model, world: str, states: list[Any]) -> tuple[float, list[Any]]:
    """Milliseconds, and the states after it."""
    info = model.worlds[world]
    held = [info.buttons[0].name] if info.buttons else []
    actions = [info.actions(held, frames=info.frames_of(state.chunk)) for state in states]
    began = time.perf_counter()
    after, _ = collect(model, states, actions)
    return 1000 * (time.perf_counter() - began), after
