"""States of staged worlds for tests: how they begin, go on and are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.state import StagedState
from lightcone.model.interface import Actions, How, collect


def action_log(chunks: int, seed: int = 0, actions: int = 7) -> list[Actions]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, (2, actions)).astype(np.float32) for _ in range(chunks)]


def start(model: StagedModel, seed: int, prompt: str = "", world: str = "court") -> StagedState:
    return model.start(world, seed, model.prepare(world, prompt))


def prompted(
    model: StagedModel, state: StagedState, prompt: str, how: How, chunks: int = 1
) -> tuple[StagedState, int]:
    conditioning = model.prepare(state.world, prompt, running=True)
    return model.apply(state, conditioning, how, chunks)


def after(model: StagedModel, state: StagedState, log: Sequence[Actions]) -> list[StagedState]:
    """The states after each chunk."""
    states = []
    for actions in log:
        [state], _ = collect(model, [state], [actions])
        states.append(state)
    return states


def play(model: StagedModel, state: StagedState, log: Sequence[Actions]) -> Tensor:
    return torch.cat([s.last.picture for s in after(model, state, log)])


def copied(state: StagedState) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.tensors().items()}


def unchanged(state: StagedState, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())
