"""The pond's water: a height field between two banks, under the damped wave equation.

`surface` is how far the water stands above its mean level and `speed` how fast it rises, both
(B, COLUMNS) at the middles of equal columns. What is pushed down somewhere rises elsewhere, so
that the mean level stays.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.families.staged.pond.basin import COLUMNS, LEFT, RIPPLES, SPACING, middles

BED = 0.06
WAVE_SPEED = 0.5
DAMPING = 0.35  # share of its speed that the surface loses in a second
VISCOSITY = 4e-4  # damps what is short


def step(surface: Tensor, speed: Tensor, push: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """Surface and speed after `dt` seconds. `push` (B, COLUMNS) accelerates the surface; its mean
    is without effect."""
    push = push - push.mean(1, keepdim=True)
    force = _curvature(WAVE_SPEED**2 * surface + VISCOSITY * speed) - DAMPING * speed + push
    speed = speed + dt * force
    return surface + dt * speed, speed


def strike(speed: Tensor, x: Tensor, down: Tensor, width: float) -> Tensor:
    """Speed of the surface after a blow: `down` (B,) is how much faster it sinks at `x` (B,).
    What sinks rises beside it, also where a bank cuts the blow off."""
    far = ((middles(x.device) - x[:, None]) / width).square()
    blow, around = (1 - 2 * far) * torch.exp(-far), torch.exp(-far / 4)
    blow = blow - around * (blow.sum(1) / around.sum(1))[:, None]
    return speed - down[:, None] * blow


def ripple(gust: Tensor, clock: Tensor) -> Tensor:
    """What wind pushes the surface by: waves that run with it. `gust`, `clock` in seconds: (B,)
    -> (B, COLUMNS)."""
    x = middles(gust.device)
    total = torch.zeros(len(gust), COLUMNS, device=gust.device)
    for wavelength, level in RIPPLES:
        k = 2 * math.pi / wavelength
        run = gust.sign() * (WAVE_SPEED * clock)
        total = total + level * torch.sin(k * (x - run[:, None]))
    return 0.26 * gust.abs()[:, None] * total


def sample(field: Tensor, x: Tensor) -> Tensor:
    """A field (B, COLUMNS) between its columns, at `x` (B, K)."""
    at = ((x - LEFT) / SPACING - 0.5).clamp(0, COLUMNS - 1.001)
    column = at.floor().long()
    low, high = field.gather(1, column), field.gather(1, column + 1)
    return torch.lerp(low, high, at - column)


def energy(surface: Tensor, speed: Tensor) -> Tensor:
    """Kinetic energy and that of the slopes, of unit density: (B,)."""
    slope = surface.diff(dim=1) / SPACING
    stretched = WAVE_SPEED**2 * slope.square().sum(1)
    return 0.5 * SPACING * (speed.square().sum(1) + stretched)


def _curvature(field: Tensor) -> Tensor:
    """Second derivative along x; banks reflect because no slope crosses them."""
    padded = F.pad(field[:, None], (1, 1), mode="replicate")[:, 0]
    return padded.diff(dim=1).diff(dim=1) / SPACING**2
