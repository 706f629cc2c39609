"""Affine functions of facts as one product each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Affine(nn.Module):
    """An affine function of `count` numbers as one product: (..., count) -> (..., N). It has
    nothing to learn."""

    weight: Tensor
    bias: Tensor

    def __init__(self, function: Callable[[Tensor], Tensor], count: int) -> None:
        super().__init__()
        bias = function(torch.zeros(count, dtype=torch.float64))
        weight = (function(torch.eye(count, dtype=torch.float64)) - bias).T
        self.register_buffer("weight", weight.float().contiguous(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        return F.linear(f, self.weight, self.bias)
