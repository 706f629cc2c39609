"""Drawing the corridors: rays through the floor plan, then floor, walls and ceiling by texture.

Batched over frames. A ray runs through the cells of its plan until it meets a wall or the panel
of a door; the pixels above and below what it met show ceiling and floor. Distances along rays
are in depth, the part of the way along the gaze, so that what is straight stays straight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.worlds.corridors import textures
from model.worlds.corridors.physics import WALK_SPEED, CorridorsState
from model.worlds.corridors.plans import CELLS, DOORS, VARIANTS, plans
from model.worlds.corridors.textures import Rgb

VIEW = 0.78  # tangent of half the horizontal angle of view
EYES = 0.52  # height above the floor; rooms are 1 high
BOB = 0.012

_STEPS = 2 * CELLS  # no ray crosses more cells
_NEAR = 1e-3


@dataclass(frozen=True)
class Look:
    name: str
    words: tuple[str, ...]
    style: str  # one of textures.STYLES
    light: Rgb  # everywhere
    lantern: Rgb  # carried by the player: full at hand, falls with distance
    far: Rgb  # what the distance fades to
    sight: float  # distance at which 63 % has faded, in cells


LOOKS = (
    Look("day", ("day", "bright", "corridors"), "painted",
         (1.08, 1.06, 1.02), (0, 0, 0), (0.10, 0.11, 0.13), 9.0),
    Look("evening", ("evening", "warm", "corridors"), "painted",
         (0.95, 0.66, 0.46), (0.12, 0.08, 0.04), (0.13, 0.04, 0.07), 5.5),
    Look("night", ("night", "dark", "torch"), "painted",
         (0.13, 0.17, 0.30), (1.05, 0.74, 0.40), (0.01, 0.01, 0.03), 5.0),
    Look("mist", ("mist", "dusty", "pale"), "painted",
         (0.80, 0.82, 0.80), (0, 0, 0), (0.38, 0.40, 0.40), 3.2),
    Look("blueprint", ("blueprint", "drawn", "blue"), "drawn",
         (1.0, 1.0, 1.0), (0, 0, 0), (0.03, 0.07, 0.18), 6.0),
)  # fmt: skip


@dataclass(frozen=True)
class Hits:
    """What the rays of frames meet first; fields are (N, rays)."""

    depth: Tensor
    u: Tensor  # texture coordinate across the surface
    texture: Tensor
    shade: Tensor  # brightness of the surface by where it faces


def draw(state: CorridorsState, height: int, width: int) -> Tensor:
    """Frames of states. Fields of `state` are (N,) and (N, DOORS). Returns
    (N, 3, height, width), RGB 0 to 1."""
    device = state.x.device
    rays = 2 * width  # two for each column, whose mean it shows
    aside = ((torch.arange(rays, device=device) + 0.5) * (2 / rays) - 1) * VIEW
    c, n = torch.cos(state.heading)[:, None], torch.sin(state.heading)[:, None]
    dx, dy = c - n * aside, n + c * aside
    hits = cast(state, dx, dy)

    focal = width / 2 / VIEW  # pixels
    down = (torch.arange(height, device=device) + 0.5 - height / 2)[None, :, None] / focal
    eyes = (EYES + _bob(state))[:, None, None]
    level = torch.where(down > 0, eyes, 1 - eyes) / down.abs()  # depth of floor or ceiling
    wall_depth = hits.depth[:, None]
    depth = torch.minimum(level, wall_depth)
    is_wall = level >= wall_depth
    x = (state.x[:, None, None] + dx[:, None] * depth).clamp(0, CELLS - _NEAR)
    y = (state.y[:, None, None] + dy[:, None] * depth).clamp(0, CELLS - _NEAR)
    flat = _flat_textures(device)[
        state.plan.long()[:, None, None] * CELLS**2 + y.long() * CELLS + x.long()
    ]
    flat = torch.where(down > 0, flat[..., 0], flat[..., 1])
    texture = torch.where(is_wall, hits.texture[:, None], flat)
    u = torch.where(is_wall, hits.u[:, None], x - x.floor())
    v = torch.where(is_wall, (1 - eyes + down * depth).clamp(0, 1 - _NEAR), y - y.floor())
    shade = torch.where(is_wall, hits.shade[:, None], torch.where(down > 0, 0.92, 0.80))

    # A texel should be no smaller than the pixel that shows it; planes seen at a low angle
    # stretch it along the gaze.
    stretch = torch.where(is_wall, 1.0, (depth / 0.5).clamp_min(1).sqrt())
    blur = torch.log2(depth * stretch * (textures.SIZE / focal / 1.2))
    blur = blur.round().long().clamp(0, textures.LEVELS - 1)
    look = state.look.long()
    styles = torch.tensor([textures.STYLES.index(k.style) for k in LOOKS], device=device)
    style = styles[look][:, None, None]
    texel = textures.atlas(device)[textures.address(texture, style, u, v, blur)]
    length = (1 + aside.square()).sqrt() * depth
    return _shine(texel, shade, length, look)


def _shine(texel: Tensor, shade: Tensor, length: Tensor, look: Tensor) -> Tensor:
    """Light `texel` (N, height, rays, 3) at distances `length` (N, height, rays), and average
    the two rays of each column."""
    device = texel.device

    def of_look(values: list[Rgb]) -> Tensor:
        return torch.tensor(values, device=device)[look][:, None, None]

    sight = torch.tensor([k.sight for k in LOOKS], device=device)[look][:, None, None]
    near = torch.exp(-(length / sight).square().clamp(max=30))[..., None]
    carried = (shade / (1 + (length / 1.6).square()))[..., None]
    light = of_look([k.light for k in LOOKS]) * shade[..., None]
    light = light + of_look([k.lantern for k in LOOKS]) * carried
    colour = torch.lerp(of_look([k.far for k in LOOKS]), texel * light, near)
    colour = (colour[:, :, 0::2] + colour[:, :, 1::2]) / 2
    return colour.clamp(0, 1).permute(0, 3, 1, 2)


def cast(s: CorridorsState, dx: Tensor, dy: Tensor) -> Hits:
    """Follow rays from the player along (dx, dy), each (N, rays); one unit of depth each."""
    tables = plans(s.x.device)
    codes = _codes(s.x.device)
    first = (s.plan.long() * CELLS**2)[:, None]
    x, y = s.x[:, None], s.y[:, None]
    step_x, step_y = dx.sign().long(), dy.sign().long()
    delta_x, delta_y = 1 / dx.abs().clamp_min(1e-6), 1 / dy.abs().clamp_min(1e-6)
    column = x.floor().long().expand_as(dx)
    row = y.floor().long().expand_as(dx)
    next_x = torch.where(dx > 0, column + 1 - x, x - column) * delta_x
    next_y = torch.where(dy > 0, row + 1 - y, y - row) * delta_y

    entered = torch.zeros_like(dx)
    depth = torch.full_like(dx, float(CELLS))
    met = torch.full_like(column, -1)  # index of the cell that was met
    front = first + row * CELLS + column  # index of the cell before it
    panel = torch.full_like(dx, -1.0)  # coordinate across a door, -1 where none was met
    faces_x = torch.zeros_like(met, dtype=torch.bool)
    code = codes[front]
    for _ in range(_STEPS):
        leaves_x = next_x < next_y
        leaves = torch.minimum(next_x, next_y)
        here = first + row * CELLS + column
        door_along_y = code >= DOORS
        middle = torch.where(
            door_along_y, (row + 0.5 - y) * step_y * delta_y, (column + 0.5 - x) * step_x * delta_x
        )
        across = torch.where(door_along_y, x + dx * middle - column, y + dy * middle - row)
        slid = across - s.doors.gather(1, code.clamp_min(0) % DOORS)
        shut = (code >= 0) & (middle > entered) & (middle <= leaves) & (slid >= 0) & (met < 0)
        depth = torch.where(shut, middle, depth)
        panel = torch.where(shut, slid, panel)
        faces_x = torch.where(shut, ~door_along_y, faces_x)
        met = torch.where(shut, here, met)

        column = torch.where(leaves_x, column + step_x, column).clamp(0, CELLS - 1)
        row = torch.where(leaves_x, row, row + step_y).clamp(0, CELLS - 1)
        next_x = torch.where(leaves_x, next_x + delta_x, next_x)
        next_y = torch.where(leaves_x, next_y, next_y + delta_y)
        there = first + row * CELLS + column
        code = codes[there]
        wall = (code == -2) & (met < 0)
        depth = torch.where(wall, leaves, depth)
        faces_x = torch.where(wall, leaves_x, faces_x)
        front = torch.where(wall, here, front)
        met = torch.where(wall, there, met)
        entered = leaves
        if bool((met >= 0).all()):
            break
    met = met.clamp_min(0)
    is_door = panel >= 0
    side = 2 * faces_x.long() + torch.where(faces_x, dx, dy).gt(0).long()
    variant = _scatter(4 * met + side) % VARIANTS
    material = tables.material.view(-1)[front.clamp(0)]
    along = torch.where(faces_x, y + dy * depth, x + dx * depth) % 1
    door_variant = _scatter(4 * met + 8191) % VARIANTS
    return Hits(
        depth=depth.clamp_min(_NEAR),
        u=torch.where(is_door, panel, along).clamp(0, 1 - _NEAR),
        texture=torch.where(is_door, textures.DOOR + door_variant, material * VARIANTS + variant),
        shade=torch.where(faces_x, 1.0, 0.84),
    )


def _scatter(number: Tensor) -> Tensor:
    """A whole number that looks random, the same for the same number."""
    mixed = (number * 2654435761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) & 0xFFFFFFFF
    return mixed >> 13


def _bob(s: CorridorsState) -> Tensor:
    walking = (s.speed / WALK_SPEED).clamp(0, 1)
    return BOB * walking * torch.sin(4 * math.pi * s.gait)


def _codes(device: torch.device) -> Tensor:
    """One number for each cell of each plan: -2 wall, -1 free, else the number of its door, plus
    DOORS if one passes it along y: (PLANS * CELLS * CELLS,)."""
    tables = plans(device)
    door = torch.where(tables.door >= 0, tables.door + DOORS * tables.passage, -1)
    return torch.where(tables.wall, -2, door).view(-1)


def _flat_textures(device: torch.device) -> Tensor:
    """Textures of floor and ceiling by cell: (PLANS * CELLS * CELLS, 2)."""
    tables = plans(device)
    cell = torch.arange(CELLS**2, device=device)
    lamp = (cell % CELLS + 2 * (cell // CELLS)) % 5 == 0
    ceiling = torch.where(lamp, textures.LAMP, textures.CEILING).expand_as(tables.floor)
    return torch.stack([textures.FLOOR + tables.floor, ceiling], 2).view(-1, 2)
