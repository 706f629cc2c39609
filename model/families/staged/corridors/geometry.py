"""What of the corridors is where in the picture, out of the facts: for each latent cell, and for
the 2 x 2 points in it, which surface they show and where on it.

It has nothing to learn: rays through the floor plan, as in drawing, but few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lightcone.model.codecs.cell import CELL
from lightcone.model.families.staged.corridors import rays, textures
from lightcone.model.families.staged.corridors.facts import (
    AT,
    DOORS_AT,
    HALF,
    STATIC,
    WANTED_AT,
    plan_of,
    zoom_of,
)
from lightcone.model.families.staged.corridors.rays import (
    BOB,
    EYES,
    VIEW,
    VIEW_HIGH,
    Eye,
    Hits,
    Surfaces,
)
from lightcone.model.families.staged.network.config import PictureSize

POINTS = 2  # along each side of a cell
TEXTURES = textures.COUNT
SHARPEST, BLUNTEST = -3.0, 8.0  # limits of View.sharp

_FINE = 2.0  # cells: the shortest wave, 8 pixels
_EDGE = 1.5  # cells: how far around an edge its windows reach
_EDGE_MAPS = 4 * 2 * POINTS
_SIDE_MAPS = 3 * POINTS
_POINT_MAPS = 18
_EVERYWHERE = 4
MAPS = _EDGE_MAPS + _SIDE_MAPS + POINTS + _POINT_MAPS + _EVERYWHERE


@dataclass(frozen=True)
class View:
    """What is in the picture; fields (..., as given)."""

    maps: Tensor  # (..., MAPS, rows, columns)
    place: Tensor  # (..., 4, rows, columns, 2) texture coordinates of each point, 0 to below 1
    texture: Tensor  # (..., 4, rows, columns) long, numbers as in textures.py
    sharp: Tensor  # (..., 4, rows, columns) level of detail, 0 where a texel of level 0 is a pixel
    busy: Tensor  # (..., rows, columns) 0 to 1: how far things move there


class Geometry(nn.Module):
    """Facts (..., COUNT) -> View."""

    columns: Tensor
    rows: Tensor
    middles: Tensor

    def __init__(self, size: PictureSize) -> None:
        super().__init__()
        self.size = size
        # The first point of all cells, then the second: what belongs together is side by side.
        cpu = torch.device("cpu")
        columns = rays.spread(POINTS * size.columns, cpu).view(-1, POINTS).T.flatten()
        rows = rays.spread(POINTS * size.rows, cpu).view(-1, POINTS).T.flatten()
        middles = rays.spread(size.rows, cpu)[:, None] * (size.rows / 2)
        self.register_buffer("columns", columns * VIEW, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("middles", middles, persistent=False)

    def forward(self, facts: Tensor) -> View:
        lead, f = facts.shape[:-1], facts.flatten(0, -2).float()
        rows, columns = self.size.rows, self.size.columns
        eye = eye_of(f)
        aside = self.columns / eye.zoom[:, None]
        hits = rays.cast(eye, aside)
        seen = rays.surfaces(eye, hits, aside, self.rows, CELL * columns / 2 / VIEW)
        near = 1 / hits.depth
        maps = torch.cat(
            [
                self._edges(eye, near),
                _tall(_sides(hits), rows),
                _tall((near / (1 + near)).unflatten(1, (POINTS, -1)), rows),
                _points(seen, hits),
                _everywhere(f, eye).expand(-1, -1, rows, columns),
            ],
            1,
        )
        grid = (*lead, POINTS**2, rows, columns)
        return View(
            maps=maps.view(*lead, MAPS, rows, columns),
            place=_cells(torch.stack([seen.u, seen.v], 3)).view(*grid, 2),
            texture=_cells(seen.texture[..., None]).view(grid).long(),
            sharp=_cells(seen.blur.clamp(SHARPEST, BLUNTEST)[..., None]).view(grid),
            busy=_busy(f, hits, rows).view(*lead, rows, columns),
        )

    def _edges(self, eye: Eye, near: Tensor) -> Tensor:
        """Where the tops and feet of walls are, around them: (N, _EDGE_MAPS, rows, columns).
        `near` (N, rays) is the inverse of their depth."""
        reach = near * (eye.zoom * (self.size.rows / 2 / VIEW_HIGH))[:, None]
        height = eye.height[:, None]
        edges = torch.stack([(height - 1) * reach, height * reach], 1)[:, :, None]
        off = self.middles - edges  # (N, 2, rows, rays)
        inside, angle = _window(off / _EDGE), off * (2 * math.pi / _FINE)
        maps = [inside, inside * angle.sin(), inside * angle.cos(), (off / 4).tanh()]
        return torch.cat(maps, 1).unflatten(3, (POINTS, -1)).movedim(3, 1).flatten(1, 2)


def eye_of(f: Tensor) -> Eye:
    """Facts (N, COUNT) -> the eye that they describe."""
    ahead = torch.where(f[:, AT["rear"]] > 0, -1.0, 1.0)
    speed = torch.linalg.vector_norm(f[:, 2:4], dim=1)
    swing = 2 * f[:, AT["gait_sin"]] * f[:, AT["gait_cos"]]
    return Eye(
        x=(f[:, 0] + 1) * HALF,
        y=(f[:, 1] + 1) * HALF,
        cosine=ahead * f[:, AT["heading_cos"]],
        sine=ahead * f[:, AT["heading_sin"]],
        height=EYES + rays.bob(speed, swing),
        zoom=torch.exp2(zoom_of(f)),
        doors=(f[:, DOORS_AT] + 1) / 2,
        plan=plan_of(f[:, STATIC]),
    )


def _window(distance: Tensor) -> Tensor:
    """1 at 0, near 0 from 2 on. An exponent below -20 would make denormal numbers, which slow
    every later product down."""
    return torch.exp(-distance.square().clamp(max=20))


def _sides(hits: Hits) -> Tensor:
    """Where the nearest side of what a ray meets is (a corner, or the edge of a door):
    (N, _SIDE_MAPS, columns)."""
    across = hits.u.unflatten(1, (POINTS, -1))
    speed = (across[:, 1:] - across[:, :1]) * POINTS  # of u, per cell
    speed = speed + torch.copysign(torch.full_like(speed, 1e-3), speed)
    off = (across - across.round()) / speed
    inside, angle = _window(off / _EDGE), off * (2 * math.pi / _FINE)
    return torch.cat([inside, inside * angle.sin(), inside * angle.cos()], 1)


def _tall(t: Tensor, rows: int) -> Tensor:
    """(N, maps, columns) -> (N, maps, rows, columns)."""
    return t[:, :, None].expand(-1, -1, rows, -1)


def _points(seen: Surfaces, hits: Hits) -> Tensor:
    """Means over the points of each cell: what kind of surface they show, how far and how bright
    it is, and where on it they are: (N, _POINT_MAPS, rows, columns)."""
    wall = seen.wall
    flat = 1 - wall
    floor = flat * seen.below[:, :, None]
    waves = torch.stack([seen.u, seen.v, 0.25 * torch.log2(seen.distance)], 1).mul_(2 * math.pi)
    sine, cosine = waves.sin(), waves.cos()
    single = [
        wall,
        floor,
        flat - floor,
        wall * hits.door[:, None],
        seen.shade,
        1 / (1 + seen.distance),
        torch.exp((seen.distance / -16).clamp_(min=-20)),
        1 / (1 + seen.distance / 2.56),
    ]
    twice = [2 * (sine * cosine)[:, :2], 2 * cosine[:, :2].square() - 1]
    maps = torch.cat([torch.stack(single, 1), sine, cosine, *twice], 1)
    upper, lower = maps.chunk(POINTS, 2)
    left, right = (upper + lower).chunk(POINTS, 3)
    return (left + right) / POINTS**2


def _everywhere(f: Tensor, eye: Eye) -> Tensor:
    """The same in all cells: (N, _EVERYWHERE, 1, 1)."""
    flicker = AT["flicker_sin"]
    known = [(eye.height - EYES) / BOB, f[:, AT["zoom"]], f[:, flicker], f[:, flicker + 1]]
    return torch.stack(known, 1)[:, :, None, None]


def _cells(t: Tensor) -> Tensor:
    """(N, 2 * rows, 2 * columns, n) -> (N, 4, rows, columns, n)."""
    parts = t.unflatten(2, (POINTS, -1)).unflatten(1, (POINTS, -1))
    return parts.transpose(2, 3).flatten(1, 2)


def _busy(f: Tensor, hits: Hits, rows: int) -> Tensor:
    """Everything while one walks or turns, else what doors on their way show of themselves."""
    moving = f[:, 2:4].abs().amax(1) + 3 * f[:, AT["turning"]].abs()
    slides = (f[:, DOORS_AT] - f[:, WANTED_AT]).abs().amax(1) > 0.1
    by_ray = torch.maximum(moving.clamp(max=1)[:, None], slides[:, None] * hits.door)
    by_column = by_ray.unflatten(1, (POINTS, -1)).amax(1)
    return by_column[:, None].expand(-1, rows, -1)
