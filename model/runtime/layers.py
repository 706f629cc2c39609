"""Parts of transformers: block, norm, rotary embedding, features of a noise level."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.runtime.attention import attend

T = TypeVar("T")


def rms_norm(x: Tensor) -> Tensor:
    """RMS norm without gain (Zhang & Sennrich 2019), in fewer operations than torch's on CPU."""
    rms = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * x.shape[-1] ** -0.5
    return x / rms.clamp_min(1e-3)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021) of (..., D) by tables (..., D), see `rotary_tables`."""
    a, b = x.chunk(2, -1)
    return torch.addcmul(x * cos, torch.cat([b, a], -1), sin)


def rotary_tables(positions: Tensor, size: int, base: float = 100.0) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine of each position (P,) and element, (P, D): element i turns with
    element i + D / 2."""
    half = size // 2
    frequencies = base ** (-torch.arange(half, device=positions.device) / half)
    angles = positions[:, None] * frequencies
    sin = angles.sin()
    return angles.cos().repeat(1, 2), torch.cat([-sin, sin], -1)


def waves(x: Tensor, count: int) -> Tensor:
    """Fourier features of numbers between 0 and 1: (...) -> (..., 2 * count)."""
    frequencies = 2.0 ** torch.linspace(-1, 5, count, device=x.device)
    angles = x[..., None] * frequencies * math.pi
    return torch.cat([angles.sin(), angles.cos()], -1)


class Block(nn.Module, Generic[T]):
    """A transformer block with AdaLN-single (Chen et al. 2023) on tokens (B, C, N, width). Kind "S"
    attends inside a chunk; "T" over time at one position, which is the family's own, with what its
    T layers share in a pass."""

    def __init__(self, width: int, heads: int, kind: str) -> None:
        super().__init__()
        self.kind, self.heads = kind, heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.table = nn.Parameter(torch.zeros(6 * width))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)
        with torch.no_grad():
            self.table[2 * width : 3 * width] = 1.0
            self.table[5 * width :] = 1.0

    def forward(self, x: Tensor, modulation: Tensor, time: T) -> Tensor:
        """(B, C, N, width)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + self.table).chunk(6, -1)
        q, k, v = self._heads(self.qkv(torch.addcmul(shift1, rms_norm(x), 1 + scale1)))
        attended = self._inside(q, k, v) if self.kind == "S" else self._over_time(q, k, v, time)
        x = torch.addcmul(x, gate1, self.out(attended))
        hidden = F.gelu(self.up(torch.addcmul(shift2, rms_norm(x), 1 + scale2)))
        return torch.addcmul(x, gate2, self.down(hidden))

    def _heads(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, N, 3 width) -> three of (B, C, N, H, D), queries and keys normalised."""
        parts = qkv.unflatten(-1, (3, self.heads, -1))
        q, k = rms_norm(parts[:, :, :, :2]).unbind(3)
        return q, k, parts[:, :, :, 2]

    def _inside(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        batch, chunks = q.shape[:2]
        q, k, v = (t.flatten(0, 1).transpose(1, 2) for t in (q, k, v))  # (B C, H, N, D)
        return attend(q, k, v).transpose(1, 2).flatten(2).unflatten(0, (batch, chunks))

    def _over_time(self, q: Tensor, k: Tensor, v: Tensor, time: T) -> Tensor:
        """(B, C, N, H, D) each -> (B, C, N, width)."""
        raise NotImplementedError
