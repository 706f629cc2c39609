"""Measures of pictures, (..., 3, H, W) uint8."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

PEAK = 60.0  # dB, of equal pictures
_MOVES = 10  # levels by which a pixel has to change


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB over the last three axes, at most PEAK."""
    return in_db((a.float() - b.float()).square().mean((-1, -2, -3)))


def in_db(squares: Tensor) -> Tensor:
    """Mean squared errors of levels -> PSNR."""
    return 10 * torch.log10(255**2 / squares.clamp_min(255**2 / 10 ** (PEAK / 10)))


def psnr_within(a: Tensor, b: Tensor, mask: Tensor) -> float:
    """Over the pixels of all pictures for which the mask (..., H, W) holds; NaN where none does."""
    squares = (a.float() - b.float()).square().mean(-3)
    return float(in_db((squares * mask).sum() / mask.sum())) if mask.any() else float("nan")


def moving(frames: Tensor) -> Tensor:
    """Pixels (B, T, H, W) near which the frames (B, T, 3, H, W) differ from the one before; in
    the first frame, none."""
    change = frames.float().diff(dim=1).abs().amax(2) > _MOVES
    near = F.max_pool2d(change.float(), 5, stride=1, padding=2) > 0
    return torch.cat([torch.zeros_like(near[:, :1]), near], 1)


def around(points: Tensor, reach: Tensor, height: int, width: int) -> Tensor:
    """Pixels (..., H, W) within `reach` (...) picture heights of `points` (..., 2), which are
    from 0 to 1 over the picture's width and height."""
    y = (torch.arange(height, device=points.device) + 0.5) / height
    x = (torch.arange(width, device=points.device) + 0.5) / width
    dx = (x - points[..., 0, None]) * (width / height)
    dy = y - points[..., 1, None]
    return dx[..., None, :].square() + dy[..., :, None].square() < reach[..., None, None].square()


def sharpness(frames: Tensor) -> float:
    """Mean absolute gradient."""
    f = frames.float()
    return float(f.diff(dim=-1).abs().mean() + f.diff(dim=-2).abs().mean())


def colour(frames: Tensor) -> Tensor:
    """Mean level of each channel: (3,)."""
    return frames.float().movedim(-3, 0).flatten(1).mean(1)
