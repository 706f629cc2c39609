"""The rotary embedding on three axes: time, row, column (RoPE, Su et al. 2021; as in Wan 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_BASE = 10_000.0


@dataclass(frozen=True)
class Tables:
    """Of each row of a batch and token: (B, 1, N, D / 2)."""

    cos: Tensor
    sin: Tensor

    def copy_(self, other: Tables) -> None:
        self.cos.copy_(other.cos)
        self.sin.copy_(other.sin)


def axis_sizes(head_size: int) -> tuple[int, int, int]:
    """Elements of a head that turn with time, row and column; what does not divide goes to time."""
    space = 2 * (head_size // 6)
    return head_size - 2 * space, space, space


def tables(positions: Tensor, grid: tuple[int, int], head_size: int, dtype: torch.dtype) -> Tables:
    """For latents at `positions` (B, F), each of `grid` tokens: N = F * rows * columns. Angles are
    computed in float64, so positions have no end."""
    rows, columns = grid
    batch, latents = positions.shape
    sizes = axis_sizes(head_size)
    shape = (batch, latents, rows, columns)
    device = positions.device
    time = _angles(positions, sizes[0])[:, :, None, None].expand(*shape, -1)
    row = _angles(torch.arange(rows, device=device), sizes[1])[:, None].expand(*shape, -1)
    column = _angles(torch.arange(columns, device=device), sizes[2]).expand(*shape, -1)
    angles = torch.cat([time, row, column], -1).flatten(1, 3)[:, None]  # (B, 1, N, D / 2)
    precise = torch.promote_types(dtype, torch.float32)
    return Tables(angles.cos().to(precise), angles.sin().to(precise))


def rotate(x: Tensor, by: Tables) -> Tensor:
    """(B, H, N, D): neighbouring elements 2i and 2i + 1 turn together."""
    a, b = x.to(by.cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([a * by.cos - b * by.sin, a * by.sin + b * by.cos], -1)
    return turned.flatten(-2).to(x.dtype)


def _angles(positions: Tensor, size: int) -> Tensor:
    """(...,) -> (..., size / 2)."""
    steps = torch.arange(0, size, 2, device=positions.device, dtype=torch.float64)
    return positions.double()[..., None] * _BASE ** (-steps / size)
