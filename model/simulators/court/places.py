"""The places a court is at, by day and without a hoop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import FLOOR, WIDTH
from lightcone.model.simulators.court.brush import (
    Rgb,
    circle,
)


@dataclass(frozen=True)
class Look:
    name: str
    top: Rgb
    horizon: Rgb
    floor_far: Rgb
    floor_near: Rgb
    line: Rgb
    board: Rgb
    post: Rgb


LOOKS = (
    Look(
        name="gym",
        top=(0.80, 0.76, 0.68),
        horizon=(0.92, 0.88, 0.80),
        floor_far=(0.72, 0.50, 0.30),
        floor_near=(0.82, 0.60, 0.38),
        line=(0.95, 0.92, 0.85),
        board=(0.97, 0.97, 0.97),
        post=(0.45, 0.45, 0.48),
    ),
    Look(
        name="street",
        top=(0.55, 0.68, 0.80),
        horizon=(0.84, 0.86, 0.86),
        floor_far=(0.36, 0.38, 0.41),
        floor_near=(0.46, 0.48, 0.51),
        line=(0.90, 0.82, 0.45),
        board=(0.86, 0.88, 0.92),
        post=(0.30, 0.32, 0.38),
    ),
    Look(
        name="beach",
        top=(0.30, 0.62, 0.88),
        horizon=(0.86, 0.94, 0.96),
        floor_far=(0.84, 0.72, 0.52),
        floor_near=(0.93, 0.82, 0.62),
        line=(0.99, 0.96, 0.88),
        board=(0.98, 0.95, 0.90),
        post=(0.52, 0.38, 0.32),
    ),
    Look(
        name="park",
        top=(0.42, 0.66, 0.92),
        horizon=(0.80, 0.91, 0.98),
        floor_far=(0.32, 0.52, 0.47),
        floor_near=(0.40, 0.62, 0.55),
        line=(0.92, 0.97, 0.94),
        board=(0.98, 0.98, 0.98),
        post=(0.42, 0.44, 0.48),
    ),
)
_FAR = FLOOR + 0.10  # where the floor ends


class _Painting:
    """A picture (3, height, width) of the world's whole box, painted over bit by bit."""

    def __init__(self, look: Look, height: int, width: int) -> None:
        self.height = height
        self.y = (1 - (torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
        self.x = ((torch.arange(width) + 0.5) / height)[None, :].expand(height, width)
        up = ((self.y - _FAR) / (1 - _FAR)).clamp(0, 1)
        self.picture = _mix(look.horizon, look.top, up)

    def cover(self, distance: Tensor, colour: Rgb, opacity: float = 1.0) -> None:
        alpha = (0.5 - distance * self.height / 1.5).clamp(0, 1) * opacity
        self.picture = torch.lerp(self.picture, torch.tensor(colour)[:, None, None], alpha)

    def disc(self, cx: float, cy: float, r: float) -> Tensor:
        return circle(self.x - cx, self.y - cy, r)

    def box(self, cx: float, cy: float, half_w: float, half_h: float) -> Tensor:
        return torch.maximum((self.x - cx).abs() - half_w, (self.y - cy).abs() - half_h)

    def floor(self, look: Look) -> None:
        depth = ((_FAR - self.y) / _FAR).clamp(0, 1)
        colours = _mix(look.floor_far, look.floor_near, depth)
        alpha = (0.5 - (self.y - _FAR) * self.height / 1.5).clamp(0, 1)
        self.picture = torch.lerp(self.picture, colours, alpha)
        self.cover(self.box(WIDTH / 2, FLOOR - 0.075, WIDTH, 0.008), look.line, 0.8)
        self.cover(self.box(WIDTH / 2, _FAR, WIDTH, 0.005), look.line, 0.55)


@lru_cache
def paint(look_index: int, height: int, width: int) -> Tensor:
    """The empty place: (3, height, width), RGB 0 to 1."""
    look = LOOKS[look_index]
    painting = _Painting(look, height, width)
    {"gym": _gym, "street": _street, "beach": _beach, "park": _park}[look.name](painting)
    painting.floor(look)
    return painting.picture


def _gym(p: _Painting) -> None:
    for k in range(3):
        p.cover(p.box(0.28 + 0.39 * k, 0.78, 0.13, 0.09), (0.84, 0.91, 0.95))
        p.cover(p.box(0.28 + 0.39 * k, 0.78, 0.006, 0.09), (0.66, 0.62, 0.56))
    p.cover(p.box(0.66, 0.33, 0.70, 0.025), (0.30, 0.42, 0.55))


def _street(p: _Painting) -> None:
    bricks: tuple[Rgb, ...] = ((0.60, 0.36, 0.30), (0.62, 0.58, 0.52), (0.46, 0.50, 0.58))
    skyline = (0.10, 0.62), (0.34, 0.80), (0.56, 0.54), (0.80, 0.70), (1.06, 0.58), (1.26, 0.76)
    for k, (cx, top) in enumerate(skyline):
        wall = bricks[k % 3]
        p.cover(p.box(cx, top / 2, 0.115, top / 2), wall)
        p.cover(p.box(cx, top, 0.122, 0.010), _dimmed(wall, 0.7))
        for row in range(4):
            height = top - 0.075 - 0.105 * row
            if height < _FAR + 0.05:
                break
            for column in (-1, 0, 1):
                pane = p.box(cx + 0.066 * column, height, 0.017, 0.028)
                p.cover(pane, (0.76, 0.86, 0.92) if (k + row + column) % 3 else (0.32, 0.38, 0.45))
    p.cover(p.box(WIDTH / 2, _FAR + 0.015, WIDTH, 0.018), (0.56, 0.55, 0.53))


def _beach(p: _Painting) -> None:
    p.cover(p.disc(0.30, 0.82, 0.06), (1.0, 0.97, 0.78))
    for cx, cy in ((0.74, 0.74), (0.83, 0.76), (1.14, 0.84)):
        p.cover(circle((p.x - cx) / 1.9, p.y - cy, 0.04), (1.0, 1.0, 1.0), 0.75)
    p.cover(p.box(WIDTH / 2, 0.31, WIDTH, 0.085), (0.16, 0.50, 0.66))
    for k in range(5):
        waves = p.y - 0.255 - 0.028 * k - 0.004 * torch.sin(22 * p.x + 1.7 * k)
        p.cover(waves.abs() - 0.003, (0.62, 0.84, 0.88), 0.55)
    sail = torch.maximum((p.x - 0.55).abs() - 0.5 * (0.50 - p.y), 0.405 - p.y)
    p.cover(sail, (0.98, 0.97, 0.94))
    p.cover(p.box(0.55, 0.395, 0.045, 0.010), (0.55, 0.30, 0.22))


def _park(p: _Painting) -> None:
    p.cover(p.disc(0.28, 0.80, 0.07), (1.0, 0.96, 0.76))
    for cx, cy in ((0.72, 0.80), (0.80, 0.82), (1.10, 0.70)):
        p.cover(circle((p.x - cx) / 1.8, p.y - cy, 0.05), (0.98, 0.99, 1.0), 0.8)
    hills = p.y - 0.36 - 0.05 * torch.sin(4.2 * p.x + 0.6) - 0.02 * torch.sin(9 * p.x)
    p.cover(hills, (0.42, 0.68, 0.40))
    p.cover(hills + 0.10 + 0.02 * torch.sin(6 * p.x), (0.34, 0.58, 0.34))


def _dimmed(colour: Rgb, factor: float) -> Rgb:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _mix(a: Rgb, b: Rgb, t: Tensor) -> Tensor:
    return torch.lerp(torch.tensor(a)[:, None, None], torch.tensor(b)[:, None, None], t)
