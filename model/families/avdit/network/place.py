"""What a place looks like from where somebody stands: latent pictures from an angle and two
positions, by the textures of a ground and of a panorama.

A pinhole camera above a flat ground that ends at a wall, as far as which is learned. Each ray hits
ground or wall, and reads two learned textures there: the ground's, seen from above, and that of a
panorama around the middle of all positions (Thies et al. 2019, "Deferred neural rendering"). So
what was seen from one place is known from others. Where the camera is, training measures
(`training/avdit/camera.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig

Axes = tuple[tuple[float, float], tuple[float, float]]

_DOWN, _ALONG = 2, 2  # rays of a latent
_FEATURES = 4  # of a texture
_TOGETHER = 8  # pictures that are drawn at a time: more than that are in no cache of a CPU
_BASE = 4  # the sharpness of the corner of ground and wall
_WALL = 10.0  # heights to the wall, at first
_SEEN = 17.0  # heights of ground around where somebody was
_SOFT = 1 / 400  # of a picture's height: what the horizon's depth is not divided by
_WALLS = 32  # width of the network of the wall's distance


@dataclass(frozen=True)
class Camera:
    """Positions are in standard deviations of a place, `axes` (2, 2) turns them into x and y of a
    right-handed frame in which `hand` times the angle counts from x to y. The ground that is seen
    a share r of the picture's height below the horizon is `height` / r ahead; `width` is the
    tangent of half the angle of view."""

    height: float = 1.0
    width: float = 1.0
    hand: float = 1.0
    axes: Axes = ((1.0, 0.0), (0.0, 1.0))


class Place(nn.Module):
    unit: Tensor  # (2,): of positions, in standard deviations of a place
    axes: Tensor  # (2, 2)
    hand: Tensor  # ()
    extent: Tensor  # (): half the side of the ground's texture, in standard deviations of a place

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._config = c
        hidden, size = max(8, c.scenery // 8), c.scenery
        self.register_buffer("unit", torch.ones(2))
        self.register_buffer("axes", torch.eye(2))
        self.register_buffer("hand", torch.ones(()))
        self.register_buffer("extent", torch.tensor(_SEEN))
        self.height = nn.Parameter(torch.zeros(()))  # its logarithm, and so on
        self.width = nn.Parameter(torch.zeros(()))
        self.horizon = nn.Parameter(torch.zeros(()))  # a share of the picture's height
        self.wall = nn.Parameter(torch.tensor(math.log(_WALL)))
        self.walls = nn.Sequential(
            nn.Linear(6, _WALLS), nn.SiLU(), nn.Linear(_WALLS, _WALLS), nn.SiLU(),
            nn.Linear(_WALLS, 1),
        )  # fmt: skip
        nn.init.zeros_(self.walls[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.walls[-1].bias)  # type: ignore[arg-type]
        shapes = ((size // 4, size // 4), (size, size), (max(4, size * 3 // 16), 2 * size + 1))
        self.textures = nn.ParameterList(
            nn.Parameter(torch.randn(1, _FEATURES, *shape) * 0.02) for shape in shapes
        )
        rays = c.group * len(shapes) * _FEATURES * _DOWN * _ALONG  # of a latent, their features
        self.read = nn.Linear(rays, hidden)
        self.cells = nn.Parameter(torch.randn(c.rows * c.columns, hidden) * 0.1)
        self.mix = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, c.channels)
        self.always = nn.Parameter(torch.zeros(c.rows * c.columns, c.channels))

    def fit(self, camera: Camera, unit: Tensor, farthest: float) -> None:
        """To a camera, the unit (2,) of positions, and how far from their middle they are, both
        in standard deviations of a place."""
        self.unit.copy_(unit)
        self.axes.copy_(torch.tensor(camera.axes))
        self.hand.fill_(camera.hand)
        self.extent.fill_(farthest + _SEEN * camera.height)
        with torch.no_grad():
            self.height.fill_(math.log(camera.height))
            self.width.fill_(math.log(camera.width))
            self.wall.fill_(math.log(_WALL * camera.height))

    def forward(self, angle: Tensor, position: Tensor) -> Tensor:
        """Angles (B, group) in radians and positions (B, group, 2), to (B, channels, rows,
        columns). Rays are computed in float32: half of its digits are some pixels."""
        parts = zip(angle.split(_TOGETHER), position.split(_TOGETHER), strict=True)
        return torch.cat([self._draw(a.float(), p.float()) for a, p in parts])

    def _draw(self, angle: Tensor, position: Tensor) -> Tensor:
        c, batch = self._config, len(angle)
        at = (position * self.unit) @ self.axes.T.float()
        hits = self._hits((angle * self.hand).flatten(), at.flatten(0, 1))
        seen = [
            F.grid_sample(
                texture.float(),
                where.flatten(0, 1)[None],
                padding_mode="border",
                align_corners=True,
            )
            for texture, where in zip(self.textures, hits, strict=True)
        ]  # (1, features, B group latents, rays) each
        by_frame = torch.cat(seen, 1)[0].unflatten(1, (batch, c.group, -1))
        read = by_frame.permute(1, 3, 2, 0, 4).flatten(2)  # (B, latents, group features rays)
        x = self.read(read.to(self.read.weight)) + self.cells
        x = F.silu(x)  # (B, latents, hidden)
        x = x + F.silu(self.mix(x))
        out = self.last(x) + self.always
        return out.transpose(1, 2).unflatten(2, (c.rows, c.columns))

    def _hits(self, angle: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where in each texture the rays of frames hit, from angles (B,) and places (B, 2):
        (B, latents, rays of each, 2) in [-1, 1]."""
        c = self._config
        rows, columns = c.rows * _DOWN, c.columns * _ALONG
        down = (torch.arange(rows).to(angle) + 0.5) / rows - 0.5 - self.horizon
        across = ((torch.arange(columns).to(angle) + 0.5) / columns * 2 - 1) * self.width.exp()
        aside = torch.atan(across)
        way = angle[:, None] - aside  # (B, columns)
        cos, sin = way.cos(), way.sin()
        below = F.softplus(down / _SOFT) * _SOFT + 1e-3
        ground = (self.height - below.log())[:, None] - aside.cos().log()  # (rows, columns)
        wall = self._walls(angle, aside, at)[:, None]  # (B, 1, columns)
        # the nearer of the two, with a soft corner; all are logarithms
        nearer = torch.exp(-_BASE * (ground - wall))  # (B, rows, columns)
        depth = torch.exp(wall - torch.log1p(nearer) / _BASE)
        x = at[:, 0, None, None] + depth * cos[:, None]
        y = at[:, 1, None, None] + depth * sin[:, None]
        above = _by_latent(torch.stack([x, y], -1) / self.extent)
        far = torch.sqrt(x.square() + y.square() + 1e-4)
        height = down[:, None] * depth * aside.cos() / far  # as seen from the middle
        around = torch.stack([torch.atan2(y, x) / math.pi, (2 * height).clamp(-1, 1)], -1)
        return above, above, _by_latent(around)

    def _walls(self, angle: Tensor, aside: Tensor, at: Tensor) -> Tensor:
        """The logarithm of how far the wall is from places (B, 2): (B, columns)."""
        way = angle[:, None] - aside.unflatten(0, (-1, _ALONG)).mean(1)
        cos, sin = way.cos(), way.sin()
        x, y = at[:, :1], at[:, 1:]
        known = [sin, cos, (2 * way).sin(), (2 * way).cos(), x * cos + y * sin, y * cos - x * sin]
        more = self.walls(torch.stack(known, -1).to(self.wall)).transpose(1, 2)  # (B, 1, latents)
        return (
            F.interpolate(more.float(), scale_factor=float(_ALONG), mode="linear")[:, 0] + self.wall
        )


def _by_latent(rays: Tensor) -> Tensor:
    """(B, rows, columns, 2) of rays -> (B, latents, rays of each, 2)."""
    cells = rays.unflatten(2, (-1, _ALONG)).unflatten(1, (-1, _DOWN)).transpose(2, 3)
    return cells.flatten(3, 4).flatten(1, 2)
