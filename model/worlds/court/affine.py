"""Affine functions of facts as one product each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.worlds.court import facts


class Affine(nn.Module):
    """An affine function of facts, as one product: (..., COUNT) -> (..., N). It has nothing to
    learn."""

    weight: Tensor
    bias: Tensor

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        bias = function(torch.zeros(facts.COUNT, dtype=torch.float64))
        weight = (function(torch.eye(facts.COUNT, dtype=torch.float64)) - bias).T
        self.register_buffer("weight", weight.float().contiguous(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        return F.linear(f, self.weight, self.bias)
