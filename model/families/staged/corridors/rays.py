"""What the rays of a view meet: walls and doors by a ray for each column, floor and ceiling above
and below what it met.

Distances along rays are in depth, the part of the way along the gaze, so that what is straight
stays straight. This is geometry by hand, and part of the family: with it the model that serves
finds which texture each cell shows, and the simulator draws its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors import textures
from lightcone.model.families.staged.corridors.plans import CELLS, PLANS, plans
from lightcone.model.families.staged.corridors.textures import VARIANTS

VIEW = 0.78  # tangent of half the horizontal angle of view at zoom 1
VIEW_HIGH = VIEW * 3 / 4  # of half the vertical one
EYES = 0.52  # height above the floor; rooms are 1 high
BOB = 0.012
NEAR = 1e-3

_LINES = CELLS - 1  # between the cells of a row
_FAR = 2.0 * CELLS
_LEAST = 1e-6  # no ray is quite parallel to a line
_DIMMER = 0.16  # brightness that walls lack that face along y
_FACES_Y = 64  # added to the texture of what faces along y
_FLOOR_SHADE, _CEILING_SHADE = 0.92, 0.80


@dataclass(frozen=True)
class Eye:
    """From where one looks; fields (N,), those of doors (N, DOORS)."""

    x: Tensor
    y: Tensor
    cosine: Tensor  # of the direction of the gaze
    sine: Tensor
    height: Tensor
    zoom: Tensor
    doors: Tensor  # openness
    plan: Tensor  # long


@dataclass(frozen=True)
class Hits:
    """What the rays meet first; fields are (N, rays)."""

    depth: Tensor
    u: Tensor  # texture coordinate across the surface
    texture: Tensor  # its number, as float
    shade: Tensor  # brightness of the surface by where it faces
    door: Tensor  # 1 where it is a door


@dataclass(frozen=True)
class Surfaces:
    """What the points of a picture show; fields (N, rows, rays) or broadcast to it."""

    u: Tensor  # texture coordinates
    v: Tensor
    texture: Tensor  # its number, as float
    blur: Tensor  # level of detail at which a texel is as large as a pixel
    shade: Tensor
    distance: Tensor  # squared, from the eye
    wall: Tensor  # 1 on walls and doors, 0 on floor and ceiling
    below: Tensor  # (N, rows) 1 below the horizon


def bob(speed: Tensor, swing: Tensor) -> Tensor:
    """How much higher the eyes are while one walks: `speed` 1 at full pace, `swing` the sine of
    twice the gait's angle."""
    return BOB * speed.clamp(max=1) * swing


def spread(count: int, device: torch.device) -> Tensor:
    """The middles of `count` equal parts of -1 to 1: (count,)."""
    return (torch.arange(count, device=device) + 0.5) * (2 / count) - 1


def cast(eye: Eye, aside: Tensor) -> Hits:
    """Rays that go `aside` (N, rays) on the way of 1 ahead.

    A ray crosses the lines between cells; the nearest crossing into a wall's cell, or of a door's
    panel, is what it meets. Nearness, 1 / depth, is largest there, and below 0 behind the eye.
    """
    scene = _scene(aside.device)
    c, n = eye.cosine[:, None], eye.sine[:, None]
    d = torch.stack([c - n * aside, n + c * aside], 2)  # (N, rays, 2)
    forth = (d > 0).float()
    d = d + (2 * forth - 1) * _LEAST
    at = torch.stack([eye.x, eye.y], 1)[:, None]  # (N, 1, 2)

    # Crossings of lines across x and across y: (N, rays, 2, lines).
    depth = (scene.lines - at[..., None]) / d[..., None]
    other = torch.addcmul(at.flip(-1)[..., None], d.flip(-1)[..., None], depth)
    cell = other.floor()
    first = torch.addcmul(eye.plan.float()[:, None, None] * (4 * CELLS**2), forth, scene.forth)
    face = torch.addcmul(first[..., None], cell.clamp(0, CELLS - 1), scene.aside) + scene.face
    texture = scene.faces.index_select(0, face.view(-1).int()).view_as(face)
    near = depth.reciprocal_().clamp_(-1 / NEAR, 1 / NEAR).mul_(texture >= 0)
    what = other.sub_(cell).clamp_(0, 1 - NEAR).add_(texture)

    # Crossings of doors: (N, rays, DOORS).
    ways = scene.ways[eye.plan]  # (N, 2, 2 * DOORS)
    along, across = (d @ ways).chunk(2, 2)
    to_middle, beside = (scene.doors[eye.plan][:, None] - at @ ways).chunk(2, 2)
    slid = across * (to_middle / along) - beside
    closed = slid - eye.doors[:, None]
    shut = (closed >= 0) & (slid < 1)
    near_door = (along / to_middle).clamp_(-1 / NEAR, 1 / NEAR) * shut
    panel = closed.clamp(0, 1 - NEAR) + scene.door_texture[eye.plan][:, None]

    nearest, which = torch.cat([near.flatten(2), near_door], 2).max(2, keepdim=True)
    # Texture, texture coordinate and facing in one number, so that one look-up gets all.
    met = torch.cat([what.flatten(2), panel], 2).gather(2, which)[..., 0]
    faces_y = (met >= _FACES_Y).float()
    met = met - _FACES_Y * faces_y
    number = met.floor()
    return Hits(
        depth=1 / nearest[..., 0].clamp_min(1 / _FAR),
        u=met - number,
        texture=number,
        shade=1 - _DIMMER * faces_y,
        door=(number >= textures.DOOR).float(),
    )


def surfaces(eye: Eye, hits: Hits, aside: Tensor, rows: Tensor, pixel_focal: float) -> Surfaces:
    """Where the picture's rows (rows,), from -1 at its top to 1, cross the rays `aside` (N, rays)
    with their `hits`. `pixel_focal`: depth at zoom 1 at which a pixel that is drawn is as wide as
    a cell."""
    scene = _scene(aside.device)
    down = (rows * VIEW_HIGH) / eye.zoom[:, None]  # (N, rows)
    below = (down > 0).float()
    height = eye.height[:, None]
    level = (height + below - 1) / down  # depth of floor or ceiling

    def by_row(t: Tensor) -> Tensor:
        return t[:, :, None]

    def by_ray(t: Tensor) -> Tensor:
        return t[:, None]

    # Choices between wall and flat are made by lerp, which is exact at 0 and 1, and faster.
    wall = (by_row(level) >= by_ray(hits.depth)).float()
    c, n = eye.cosine[:, None], eye.sine[:, None]
    x = torch.addcmul(eye.x[:, None, None], by_row(level), by_ray(c - n * aside))
    y = torch.addcmul(eye.y[:, None, None], by_row(level), by_ray(n + c * aside))
    column, row = x.floor(), y.floor()
    table = (1 - below) * (PLANS * CELLS**2) + (eye.plan * CELLS**2)[:, None]
    place = torch.add(column, row, alpha=CELLS).clamp_(0, CELLS**2 - 1).add_(by_row(table))
    flat = scene.flats.index_select(0, place.view(-1).int()).view_as(place)
    v = torch.addcmul(by_ray(1 - height), by_row(down), by_ray(hits.depth)).clamp_(0, 1 - NEAR)

    # A texel should be no smaller than the pixel that shows it; planes seen at a low angle
    # stretch it along the gaze.
    scale = (textures.SIZE / pixel_focal / 1.2 / eye.zoom)[:, None]
    stretch = (level / 0.5).clamp_min(1).sqrt()
    blur_flat, blur_wall = torch.log2(level * stretch * scale), torch.log2(hits.depth * scale)
    shade_flat = _CEILING_SHADE + (_FLOOR_SHADE - _CEILING_SHADE) * below
    depth = torch.minimum(by_row(level.square()), by_ray(hits.depth.square()))
    return Surfaces(
        u=x.sub_(column).lerp_(by_ray(hits.u).expand_as(x), wall),
        v=y.sub_(row).lerp_(v, wall),
        texture=flat.lerp_(by_ray(hits.texture).expand_as(x), wall),
        blur=torch.lerp(by_row(blur_flat), by_ray(blur_wall), wall),
        shade=torch.lerp(by_row(shade_flat), by_ray(hits.shade), wall),
        distance=depth * by_ray(1 + aside.square()),
        wall=wall,
        below=below,
    )


@dataclass(frozen=True)
class _Scene:
    """The floor plans as tables for rays. The number of a face is 4 times that of its cell plus
    its side: 0 and 1 are met going down and up along y, 2 and 3 along x."""

    lines: Tensor  # (lines,)
    forth: Tensor  # (2,) by how much the face's number grows if one goes up along x, or y
    aside: Tensor  # (2, 1) by how much it grows with each cell across that way
    face: Tensor  # (2, lines) of the face at each line, beside that
    faces: Tensor  # (PLANS * cells * 4,) texture of each, plus _FACES_Y; far below 0 where none is
    flats: Tensor  # (2 * PLANS * cells,) texture of floors, then of ceilings
    ways: Tensor  # (PLANS, 2, 2 * DOORS) (x, y) -> the part along the way through each door, across
    doors: Tensor  # (PLANS, 2 * DOORS) middle of each along that way; where it begins across
    door_texture: Tensor  # (PLANS, DOORS) plus _FACES_Y where it faces along y


@lru_cache
def _scene(device: torch.device) -> _Scene:
    tables = plans(device)
    wall = tables.wall.view(PLANS, CELLS, CELLS)
    material = tables.material.view(PLANS, CELLS, CELLS)
    cell = torch.arange(PLANS * CELLS**2, device=device).view(PLANS, CELLS, CELLS)
    fronts = (
        material.roll(-1, 1), material.roll(1, 1), material.roll(-1, 2), material.roll(1, 2),
    )  # fmt: skip
    faces = []
    for side, front in enumerate(fronts):
        texture = front * VARIANTS + _scatter(4 * cell + side) % VARIANTS
        faces.append(texture + (_FACES_Y if side < 2 else 0))
    texture = torch.where(wall[..., None], torch.stack(faces, -1), -1)
    lines = torch.arange(1.0, CELLS, device=device)

    column, row = torch.arange(CELLS, device=device), torch.arange(CELLS, device=device)[:, None]
    lamp = ((column + 2 * row) % 5 == 0).expand(PLANS, CELLS, CELLS)
    ceiling = torch.where(lamp, textures.LAMP, textures.CEILING)
    floor = textures.FLOOR + tables.floor.view(PLANS, CELLS, CELLS)

    door_cell = tables.door_y.floor().long() * CELLS + tables.door_x.floor().long()
    door_cell = torch.where(tables.door_x > 0, door_cell, 0)
    along_y = tables.passage.gather(1, door_cell).float()
    number = torch.arange(PLANS, device=device)[:, None] * CELLS**2 + door_cell
    door_texture = textures.DOOR + _scatter(4 * number + 8191) % VARIANTS
    x, y = tables.door_x, tables.door_y
    across_y, across_x = torch.cat([along_y, 1 - along_y], 1), torch.cat([1 - along_y, along_y], 1)
    begins = torch.cat([torch.zeros_like(along_y), torch.full_like(along_y, 0.5)], 1)
    return _Scene(
        lines=lines,
        forth=torch.tensor([4.0 + 1, 4.0 * CELLS + 1], device=device),
        aside=torch.tensor([[4.0 * CELLS], [4.0]], device=device),
        face=torch.stack([4 * (lines - 1) + 2, 4 * CELLS * (lines - 1)]),
        faces=texture.flatten().float(),
        flats=torch.stack([floor, ceiling]).flatten().float(),
        ways=torch.stack([across_x, across_y], 1),
        doors=x.repeat(1, 2) * across_x + y.repeat(1, 2) * across_y - begins,
        door_texture=door_texture.float() + _FACES_Y * along_y,
    )


def _scatter(number: Tensor) -> Tensor:
    """A whole number that looks random, the same for the same number."""
    mixed = (number * 2654435761) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) & 0xFFFFFFFF
    return mixed >> 13
