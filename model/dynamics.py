"""The state stream: a small network that predicts what is the case one frame later.

It is Markov: the facts of the last frame and what is held now say all. Learned from the
simulator's states (model/train_dynamics.py), it serves without the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.worlds.court import facts


@dataclass(frozen=True)
class DynamicsConfig:
    width: int = 384
    layers: int = 3
    buttons: int = 4


class Dynamics(nn.Module):
    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.config = c = config
        self.relations = facts.Relations()
        self.enter = nn.Linear(facts.COUNT + facts.RELATIONS + c.buttons, c.width)
        self.layers = nn.ModuleList(nn.Linear(c.width, c.width) for _ in range(c.layers))
        self.leave = nn.Linear(c.width, facts.FLAGS)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, state: Tensor, actions: Tensor) -> Tensor:
        """Facts (B, COUNT) and actions (B, frames, buttons) of the frames that follow -> facts
        (B, frames, COUNT)."""
        out = []
        for held in (2 * actions - 1).unbind(1):
            state = self._frame(state, held)
            out.append(state)
        return torch.stack(out, 1)

    def _frame(self, state: Tensor, held: Tensor) -> Tensor:
        x = self.enter(torch.cat([state, self.relations(state), held], -1))
        for layer in self.layers:
            x = x + layer(F.silu(x))
        change = self.leave(F.silu(x))
        continuous, flags = facts.CONTINUOUS, facts.FLAGS
        values = (state[:, :continuous] + change[:, :continuous]).clamp(-3, 3)
        parts, done = [], 0
        for sine in facts.ANGLES:
            parts += [values[:, done:sine], F.normalize(values[:, sine : sine + 2], dim=-1)]
            done = sine + 2
        switched = torch.tanh(2 * state[:, continuous:flags] + 4 * change[:, continuous:])
        return torch.cat([*parts, values[:, done:], switched, state[:, flags:]], -1)
