"""How fast the view turns, measured from pictures alone.

A view that turns on the spot is a cylinder that moves sideways: pictures are drawn on a cylinder
around the eye, and neighbours are registered by the normalised correlation of their columns.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.evaluation.judge.protocol import Frames

_STEP = 0.25  # degrees of a column of the cylinder
_ROWS = 64
_BATCH = 64
_FAINT = 1e-6  # of the product of two mean squares
_GRAIN = 3.0  # of 255: a row that varies less is faint
_FLAT = 1e-3  # mean square of a cylinder in which there is nothing to register


class TurnMeter:
    """`view` is the angle of view across the picture, in degrees. `hidden` is what moves with the
    eye (left, top, right, bottom, in shares of the picture) and is not looked at. `reach` is how
    many degrees a frame can be found, either way."""

    def __init__(
        self,
        width: int,
        height: int,
        view: float = 90.0,
        hidden: tuple[float, float, float, float] = (0.32, 0.4, 0.68, 1.0),
        reach: float = 7.0,
    ) -> None:
        focal = 0.5 * width / math.tan(math.radians(view / 2))
        most = math.degrees(math.atan(0.5 * (width - 1) / focal))
        columns = torch.arange(-most + _STEP, most - _STEP, _STEP).deg2rad()
        x = focal * columns.tan()
        # rows of the cylinder that are inside the picture at all angles
        rows = torch.linspace(-1, 1, _ROWS) * 0.5 * (height - 1) * math.cos(math.radians(most))
        y = rows[:, None] / columns.cos()[None]
        grid = torch.stack([(x / (0.5 * width)).expand_as(y), y / (0.5 * height)], -1)
        self._grid = grid[None]
        across, down = grid[..., 0] / 2 + 0.5, grid[..., 1] / 2 + 0.5
        left, top, right, bottom = hidden
        inside = (across > left) & (across < right) & (down > top) & (down < bottom)
        self._seen = (~inside).float()
        self._most = round(reach / _STEP)

    def turns(self, frames: Frames) -> NDArray[np.float32]:
        """(F,) degrees by which the view turned to the left from the frame before each frame, 0
        for the first, NaN where there is nothing to see."""
        out = [np.zeros(1, np.float32)]
        for start in range(0, len(frames) - 1, _BATCH):
            strip = self._cylinders(frames[start : start + _BATCH + 1])
            out.append(self._registered(strip[:-1], strip[1:]).numpy())
        return np.concatenate(out)[: len(frames)]

    def _cylinders(self, frames: Frames) -> Tensor:
        """(F, rows, columns): how far each pixel is from the mean of its row, in deviations of the
        row, at most one, so that no monster outvotes the walls."""
        grey = torch.from_numpy(np.ascontiguousarray(frames)).float().mean(-1)[:, None]
        grid = self._grid.expand(len(grey), -1, -1, -1)
        drawn = F.grid_sample(grey, grid, align_corners=False)[:, 0]
        seen = self._seen
        count = seen.sum(1)[:, None].clamp_min(1)
        off = (drawn - (drawn * seen).sum(2, keepdim=True) / count) * seen
        spread = (off.square().sum(2, keepdim=True) / count).sqrt()
        return (off / (spread + _GRAIN)).clamp(-1, 1)

    def _registered(self, before: Tensor, after: Tensor) -> Tensor:
        """Degrees (F,), by the correlation of what is seen in both."""
        size = before.shape[-1] + self._most  # no shift that is looked at wraps around

        def at_shifts(one: Tensor, other: Tensor) -> Tensor:
            """The sum of `one`, moved by each shift, times `other`: (F, shifts)."""
            product = torch.fft.rfft(one, size).conj() * torch.fft.rfft(other, size)
            sums = torch.fft.irfft(product.sum(-2), size)
            return torch.cat([sums[..., -self._most :], sums[..., : self._most + 1]], -1)

        # a view that turns left moves what is seen to the right
        both = at_shifts(before, after)
        own = at_shifts(before.square(), self._seen) * at_shifts(self._seen, after.square())
        points = before[0].numel()
        score = both / points / (own.clamp_min(0) / points**2 + _FAINT).sqrt()
        best = score[:, 1:-1].argmax(1, keepdim=True) + 1
        low, mid, high = (score.gather(1, best + i)[:, 0] for i in (-1, 0, 1))
        bend = (low - 2 * mid + high).clamp_max(-1e-6)
        turn = (best[:, 0] - self._most + (0.5 * (low - high) / bend).clamp(-0.5, 0.5)) * _STEP
        flat = (before.square().mean((1, 2)) < _FLAT) | (after.square().mean((1, 2)) < _FLAT)
        return torch.where(flat, math.nan, turn)
