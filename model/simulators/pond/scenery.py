"""How ponds look: palettes, and what does not move in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, RIGHT, SHORE
from lightcone.model.simulators.court.brush import (
    Rgb,
    circle,
)
from lightcone.model.simulators.court.drawing import Scenery
from lightcone.model.simulators.pond.water import BED


@dataclass(frozen=True)
class Look:
    name: str
    top: Rgb
    horizon: Rgb
    hills: Rgb
    disc: tuple[float, float, float]  # of sun or moon: x, y, radius
    light: Rgb  # of sun or moon
    glow: float  # how strongly the water reflects it
    shallow: Rgb  # water under the surface
    deep: Rgb
    crest: Rgb
    bank: Rgb
    reed: Rgb


LOOKS = (
    Look(
        name="dawn",
        top=(0.52, 0.56, 0.80),
        horizon=(0.99, 0.76, 0.70),
        hills=(0.56, 0.50, 0.64),
        disc=(0.32, 0.545, 0.060),
        light=(1.0, 0.90, 0.72),
        glow=0.55,
        shallow=(0.58, 0.62, 0.76),
        deep=(0.20, 0.26, 0.44),
        crest=(0.98, 0.86, 0.84),
        bank=(0.36, 0.34, 0.34),
        reed=(0.30, 0.40, 0.32),
    ),
    Look(
        name="noon",
        top=(0.30, 0.60, 0.94),
        horizon=(0.80, 0.92, 0.99),
        hills=(0.42, 0.66, 0.46),
        disc=(0.98, 0.87, 0.055),
        light=(1.0, 0.98, 0.80),
        glow=0.35,
        shallow=(0.22, 0.62, 0.74),
        deep=(0.05, 0.28, 0.44),
        crest=(0.86, 0.97, 0.99),
        bank=(0.48, 0.40, 0.26),
        reed=(0.26, 0.52, 0.18),
    ),
    Look(
        name="dusk",
        top=(0.32, 0.20, 0.44),
        horizon=(0.99, 0.56, 0.26),
        hills=(0.30, 0.18, 0.30),
        disc=(0.86, 0.520, 0.075),
        light=(1.0, 0.78, 0.36),
        glow=0.60,
        shallow=(0.52, 0.32, 0.42),
        deep=(0.15, 0.10, 0.24),
        crest=(0.99, 0.70, 0.48),
        bank=(0.20, 0.14, 0.16),
        reed=(0.14, 0.14, 0.12),
    ),
    Look(
        name="night",
        top=(0.02, 0.04, 0.12),
        horizon=(0.12, 0.17, 0.32),
        hills=(0.05, 0.08, 0.15),
        disc=(0.48, 0.84, 0.055),
        light=(0.94, 0.95, 0.86),
        glow=0.45,
        shallow=(0.11, 0.20, 0.34),
        deep=(0.02, 0.05, 0.12),
        crest=(0.52, 0.64, 0.80),
        bank=(0.07, 0.08, 0.10),
        reed=(0.10, 0.17, 0.16),
    ),
)
NIGHT = 3  # the look in which crickets sing


def skies(look: Tensor, height: int, width: int) -> Scenery:
    """Sky and hills of each world, (B,)."""

    def painted(height: int, width: int) -> Tensor:
        base = torch.stack([_sky(i, height, width) for i in range(len(LOOKS))])
        return base.to(look.device)[look.long()]

    return Scenery(painted(height, width), painted(2 * height, 2 * width))


def depths(look: Tensor, y: Tensor) -> Tensor:
    """The water of each world without its surface, (N,), at heights `y` (N, H, 1) -> (N, 3, H,
    1)."""
    deep = ((LEVEL - y) / (LEVEL - BED)).clamp(0, 1).sqrt()[:, None]
    first, last = palette("shallow", look), palette("deep", look)
    return torch.lerp(first[:, :, None, None], last[:, :, None, None], deep)


def palette(name: str, look: Tensor) -> Tensor:
    """A colour of each world's look, (N,) -> (N, 3)."""
    return torch.tensor([getattr(k, name) for k in LOOKS], device=look.device)[look.long()]


def grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y of pixels' middles, each (height, width)."""
    y = (1 - (torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    x = ((torch.arange(width) + 0.5) / height)[None, :].expand(height, width)
    return x, y


def bank_cover(x: Tensor, y: Tensor, sharp: Tensor) -> Tensor:
    """How much of each pixel is bank or bed, 0 to 1, at `x` (N, 1, W) and `y` (N, H, 1) with
    `sharp` (N, 1, 1) pixels in a unit: (N, H, W)."""
    out = torch.maximum(LEFT - x, x - RIGHT)  # how far beyond the water
    top = SHORE - 0.03 * torch.exp(-(out / 0.03).clamp_min(0)) + 0.006 * torch.sin(40 * x)
    beyond = torch.maximum(-out, y - top)
    bed = y - BED + 0.03 + 0.008 * torch.sin(9 * x)
    return (0.5 - torch.minimum(beyond, bed) * sharp / 1.5).clamp(0, 1)


@lru_cache
def _sky(look_index: int, height: int, width: int) -> Tensor:
    """(3, height, width)."""
    look = LOOKS[look_index]
    x, y = grid(height, width)
    picture = _mix(look.horizon, look.top, ((y - 0.42) / 0.55).clamp(0, 1))

    def cover(picture: Tensor, distance: Tensor, colour: Rgb, opacity: float = 1.0) -> Tensor:
        alpha = (0.5 - distance * height / 1.5).clamp(0, 1) * opacity
        return torch.lerp(picture, torch.tensor(colour)[:, None, None], alpha)

    sx, sy, r = look.disc
    halo = torch.exp(-((x - sx).square() + (y - sy).square()) / (6 * r * r))
    picture = torch.lerp(picture, torch.tensor(look.light)[:, None, None], 0.35 * halo)
    picture = cover(picture, circle(x - sx, y - sy, r), look.light)
    if look_index == NIGHT:
        for k in range(14):
            star = circle(x - (0.07 + 0.377 * k) % 1.33, y - 0.60 - (0.171 * k) % 0.38, 0.004)
            picture = cover(picture, star, look.light, 0.8)
    elif look.name == "noon":
        for cx, cy in ((0.30, 0.82), (0.40, 0.84), (0.70, 0.72)):
            picture = cover(picture, circle((x - cx) / 2, y - cy, 0.045), (0.99, 0.99, 1.0), 0.85)
    hills = y - LEVEL - 0.11 - 0.035 * torch.sin(5.2 * x + 1.1) - 0.018 * torch.sin(11 * x)
    return cover(picture, hills, look.hills)


def _mix(a: Rgb, b: Rgb, t: Tensor) -> Tensor:
    return torch.lerp(torch.tensor(a)[:, None, None], torch.tensor(b)[:, None, None], t)
