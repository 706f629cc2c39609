"""Muon (Jordan et al. 2024) in float32, matrices of one shape at a time.

torch.optim.Muon orthogonalises one matrix after the other in bfloat16, which takes seconds a
step on CPUs without native bfloat16.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightcone.model.training.parallel import Group
from lightcone.model.training.sharding import part_of, spread_state, whole

QUICK = 15.0


class Muon(torch.optim.Optimizer):
    """Momentum whose update of each matrix is orthogonalised by Newton-Schulz steps. Kernels of
    convolutions count as matrices with a row for each output channel."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        group: Group,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        iterations: int = 4,
    ) -> None:
        defaults = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, iterations=iterations)
        super().__init__(matrices, defaults)
        self._group = group

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.flatten(1).shape].append(p)
            for shape, parameters in by_shape.items():
                updates = []
                for p in parameters:
                    assert p.grad is not None
                    state = self.state[p]
                    if "momentum" not in state:
                        state["momentum"] = torch.zeros_like(p)
                    state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                    update = torch.lerp(p.grad, state["momentum"], group["momentum"])
                    updates.append(whole(update).flatten(1))
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                orthogonal = self._orthogonal(torch.stack(updates), group["iterations"])
                for p, update in zip(parameters, orthogonal, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(part_of(update.view(p.shape), p), alpha=-group["lr"] * scale)

    def _orthogonal(self, updates: Tensor, iterations: int) -> Tensor:
        """(K, M, N), each process doing its share of the K."""
        mine = slice(self._group.rank, None, self._group.size)
        out = torch.zeros_like(updates)
        if len(updates[mine]):
            out[mine] = _orthogonalise(updates[mine], iterations)
        return self._group.sum(out)


def _orthogonalise(g: Tensor, iterations: int) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly: (K, M, N) -> (K, M, N)."""
    tall = g.shape[1] > g.shape[2]
    x = g.mT if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class MuonAdam:
    """Muon for the given matrices of a model and AdamW for all else, as one optimizer. `quick`
    are tables, each entry of which rarely has a gradient: AdamW at `quicker` times its rate."""

    def __init__(
        self,
        model: nn.Module,
        matrices: list[nn.Parameter],
        muon_lr: float,
        adam_lr: float,
        group: Group,
        quick: Sequence[nn.Parameter] = (),
        quicker: float = QUICK,
    ) -> None:
        taken = {id(p) for p in (*matrices, *quick)}
        others = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
        groups: list[dict[str, Any]] = [{"params": others, "lr": adam_lr}]
        if quick:
            groups.append({"params": list(quick), "lr": quicker * adam_lr})
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        ]
        if matrices:
            self._parts.insert(0, Muon(matrices, group, lr=muon_lr))
        self._rates = [[g["lr"] for g in part.param_groups] for part in self._parts]

    def set_rate(self, factor: float) -> None:
        for part, rates in zip(self._parts, self._rates, strict=True):
            for group, base in zip(part.param_groups, rates, strict=True):
                group["lr"] = base * factor

    def step(self) -> None:
        for part in self._parts:
            part.step()

    def zero_grad(self) -> None:
        for part in self._parts:
            part.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
            spread_state(part)
