"""What surfaces look like close up: every texture of walls, doors, floors and ceilings, painted
once from its coordinates, at ever coarser levels for use at a distance.

Texture coordinates run from 0 to 1: u to the right, v down (on walls from ceiling to floor).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import FLOORS, WALLS
from lightcone.model.families.staged.corridors.textures import COUNT, SIZE, VARIANTS

LEVELS = 6


SIZES = tuple(SIZE >> k for k in range(LEVELS))
LEVEL_STARTS = tuple(sum(COUNT * s * s for s in SIZES[:k]) for k in range(LEVELS))

Rgb = tuple[float, float, float]

_ACCENTS: tuple[Rgb, ...] = (
    (0.85, 0.20, 0.18),
    (0.16, 0.42, 0.80),
    (0.95, 0.78, 0.20),
    (0.20, 0.62, 0.34),
    (0.62, 0.26, 0.66),
    (0.95, 0.52, 0.16),
    (0.12, 0.62, 0.68),
    (0.94, 0.92, 0.86),
)


@lru_cache
def atlas(device: torch.device) -> Tensor:
    """All texels of all levels, (3, texels), RGB from 0: level by level (`LEVEL_STARTS` gives where
    they begin), in them texture by texture, row by row."""
    level = torch.stack(
        [
            *(_wall(m, v) for m in WALLS for v in range(VARIANTS)),
            *(_door(v) for v in range(VARIANTS)),
            *(_floor(name) for name in FLOORS),
            _ceiling(lamp=False),
            _ceiling(lamp=True),
        ]
    )
    out = []
    for _ in range(LEVELS):
        out.append(level.transpose(0, 1).flatten(1))
        level = torch.nn.functional.avg_pool2d(level, 2)
    return torch.cat(out, 1).to(device)


def _grid() -> tuple[Tensor, Tensor]:
    """(u, v) of texels, each (SIZE, SIZE)."""
    middle = (torch.arange(SIZE) + 0.5) / SIZE
    v, u = torch.meshgrid(middle, middle, indexing="ij")
    return u, v


def _random(count: int, seed: int) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def _plain(colour: Rgb) -> Tensor:
    return torch.tensor(colour)[:, None, None].expand(3, SIZE, SIZE).clone()


def _cover(picture: Tensor, inside: Tensor, colour: Rgb, opacity: float = 1.0) -> Tensor:
    """Paint where `inside` (SIZE, SIZE), bool."""
    return torch.lerp(picture, torch.tensor(colour)[:, None, None], inside * opacity)


def _bricks(
    picture: Tensor, rows: int, columns: int, shift: float, gap: float, seed: int
) -> Tensor:
    """Cut a surface into blocks of slightly different shades with dark joints. Each row is
    shifted by `shift` blocks against the last; `gap` is the width of joints."""
    u, v = _grid()
    row = (v * rows).floor()
    along = (u * columns + shift * (row % 2)) % columns
    shade = 0.82 + 0.30 * _random(rows * columns, seed)
    block = shade[(row * columns + along.floor()).long()]
    near = torch.minimum(along % 1 / columns, v * rows % 1 / rows)
    return picture * block * torch.where(near < gap, 0.55, 1.0)


def _wall(material: str, variant: int) -> Tensor:
    u, v = _grid()
    if material == "brick":
        wall = _bricks(_plain((0.66, 0.31, 0.23)), 10, 4, 0.5, 0.014, seed=1)
    elif material == "planks":
        wall = _bricks(_plain((0.60, 0.42, 0.24)), 1, 7, 0.0, 0.010, seed=2)
        grain = torch.sin(60 * u + 3 * torch.sin(9 * v + 20 * u))
        wall = wall * (1 + 0.06 * grain)
    elif material == "plaster":
        stripes = (u * 6 % 1 < 0.42).float()
        wall = torch.lerp(_plain((0.88, 0.83, 0.70)), _plain((0.66, 0.74, 0.64)), stripes)
    elif material == "rock":
        wall = _rock()
    else:
        wall = _bricks(_plain((0.42, 0.66, 0.70)), 6, 6, 0.0, 0.012, seed=4)
        diagonal = ((u * 6).floor() + (v * 6).floor()) % 3 < 1
        wall = _cover(wall, diagonal, (0.86, 0.90, 0.88), 0.55)
    wall = _decorate(wall, variant)
    wall = _cover(wall, v > 0.94, (0.24, 0.20, 0.18))
    return wall * (1 - 0.30 * (1 - 4 * v * (1 - v)).pow(3))


def _rock() -> Tensor:
    """Irregular stones: each texel belongs to the nearest of some points."""
    u, v = _grid()
    points = _random(2 * 26, seed=3).view(26, 2)
    dx = (u[None] - points[:, :1, None]).abs()
    dx = torch.minimum(dx, 1 - dx)
    near = (dx.square() + (v[None] - points[:, 1:, None]).square()).sqrt()
    (first, second), (stone, _) = near.topk(2, 0, largest=False)
    shade = (0.75 + 0.45 * _random(26, seed=5))[stone]
    return _plain((0.54, 0.55, 0.53)) * shade * torch.where(second - first < 0.022, 0.5, 1.0)


def _decorate(wall: Tensor, variant: int) -> Tensor:
    """Bands and pictures by which one knows a wall again; the first variants stay plain."""
    u, v = _grid()
    accent, other = _ACCENTS[variant], _ACCENTS[(variant + 3) % len(_ACCENTS)]
    if variant < 2:
        return wall * (1.0 if variant else 0.86)
    if variant == 2:
        return _cover(wall, (v - 0.40).abs() < 0.05, accent)
    if variant == 3:
        wall = _cover(wall, v > 0.62, accent, 0.75)
        return _cover(wall, (v - 0.62).abs() < 0.02, (0.92, 0.90, 0.84))
    if variant == 7:
        wall = _cover(
            wall, ((u - 0.5).abs() < 0.22) & (v < 0.80 - (u - 0.5).abs()), (0.70, 0.12, 0.16)
        )
        return _cover(wall, ((u - 0.5).square() + (v - 0.36).square()) < 0.018, _ACCENTS[2])
    frame = torch.maximum((u - 0.5).abs() / 0.36, (v - 0.42).abs() / 0.26)
    wall = _cover(wall, frame < 1, (0.26, 0.16, 0.08))
    inside = frame < 0.84
    wall = _cover(wall, inside, other)
    if variant == 4:
        return _cover(wall, inside & ((u - 0.5).square() + (v - 0.42).square() < 0.022), accent)
    if variant == 5:
        return _cover(wall, inside & (v > 0.34 + 0.8 * (u - 0.42).abs()), accent)
    return _cover(wall, inside & ((u * 8).floor() % 2 == (v * 8).floor() % 2), accent)


def _door(variant: int) -> Tensor:
    u, v = _grid()
    colour = torch.tensor(_ACCENTS[variant]) * 0.75
    door = colour[:, None, None] * _bricks(_plain((1.0, 1.0, 1.0)), 1, 5, 0.0, 0.012, seed=6)
    for middle in (0.30, 0.72):
        panel = torch.maximum((u - 0.5).abs() / 0.32, (v - middle).abs() / 0.15)
        door = _cover(door, (panel < 1) & (panel > 0.86), (0.10, 0.08, 0.08), 0.7)
    door = _cover(door, torch.maximum((u - 0.5).abs(), (v - 0.5).abs()) > 0.47, (0.15, 0.12, 0.12))
    return _cover(door, (u - 0.12).square() + (v - 0.52).square() < 0.0016, (0.95, 0.82, 0.35))


def _floor(name: str) -> Tensor:
    u, v = _grid()
    if name == "wood":
        floor = _bricks(_plain((0.56, 0.38, 0.22)), 6, 2, 0.5, 0.010, seed=7)
        return floor * (1 + 0.05 * torch.sin(50 * v + 4 * torch.sin(6 * u)))
    if name == "stone":
        return _bricks(_plain((0.56, 0.56, 0.58)), 2, 2, 0.5, 0.014, seed=8)
    carpet = _plain((0.52, 0.14, 0.18))
    diamond = (u - 0.5).abs() + (v - 0.5).abs()
    carpet = _cover(carpet, (diamond > 0.30) & (diamond < 0.38), (0.82, 0.64, 0.30))
    carpet = _cover(carpet, diamond < 0.12, (0.16, 0.20, 0.42))
    return carpet * (0.88 + 0.24 * _random(SIZE**2, seed=9).view(SIZE, SIZE))


def _ceiling(lamp: bool) -> Tensor:
    u, v = _grid()
    ceiling = _bricks(_plain((0.62, 0.60, 0.57)), 2, 2, 0.0, 0.012, seed=10)
    if lamp:
        square = torch.maximum((u - 0.5).abs(), (v - 0.5).abs())
        ceiling = _cover(ceiling, square < 0.26, (0.30, 0.29, 0.28))
        ceiling = _cover(ceiling, square < 0.22, (1.6, 1.5, 1.3))
    return ceiling
