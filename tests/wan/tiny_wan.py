"""A small transformer with random weights, and the reference's way to see all chunks at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.wan.network.config import WanConfig
from lightcone.model.families.wan.network.rotary import rotate, tables
from lightcone.model.families.wan.network.transformer import WanTransformer

SMALL = WanConfig(
    rows=4, columns=8, width=48, heads=2, layers=3, hidden=96, text_width=24, text_length=10
)


def filled(module: nn.Module, deviation: float = 0.15) -> nn.Module:
    """With random numbers in all parameters, so that none of them is without effect."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
    return module.eval().requires_grad_(False)


def small(dtype: torch.dtype = torch.float64, c: WanConfig = SMALL) -> WanTransformer:
    model = WanTransformer(c)
    filled(model)
    return model.to(dtype)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@dataclass(frozen=True)
class Masked:
    """A `Context` in which latents at these positions see one another by a mask (F, F), true where
    a latent of a row sees that of a column: what a full forward pass does, without any cache."""

    config: WanConfig
    positions: tuple[int, ...]
    sees: Tensor

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        c = self.config
        turns = tables(torch.tensor([self.positions]), c.grid, c.head_size, q.dtype)
        hidden = torch.zeros(self.sees.shape, dtype=q.dtype).masked_fill(~self.sees, float("-inf"))
        mask = hidden.repeat_interleave(c.tokens, 0).repeat_interleave(c.tokens, 1)
        return F.scaled_dot_product_attention(rotate(q, turns), rotate(k, turns), v, mask)
