"""Where the things on a court are in the picture, as maps of latent cells for convolutions.

Each thing has a smooth window around it. Seen through the camera, the place of each cell in the
world is an affine function of the facts, and so are its offsets from all things and what is drawn
under their windows: a few products make all maps of all frames.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from lightcone.model.families.staged.court import facts
from lightcone.model.families.staged.court.constants import BALL_RADIUS, FLOOR
from lightcone.model.families.staged.court.facts import (
    AT,
    place,
)
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.shared.affine import Affine
from lightcone.model.families.staged.shared.camera import VIEW_MIDDLE, VIEW_UNIT
from lightcone.model.families.staged.view import View

# Windows, in this order: player, rival, ball, hoop, and the shadows of the first three.
_WIDE = (0.16, 0.16, 0.09, 0.14, 0.12, 0.12, 0.08)  # picture heights
_HIGH = (0.22, 0.22, 0.09, 0.20, 0.05, 0.05, 0.05)
_WINDOWS = len(_WIDE)
THINGS = 4  # the first windows, whose things have sprites
_AWAY = 9.0  # beyond any sprite
_WAVES = ((0.5, 0.22, 0.1), (0.5, 0.22, 0.1), (0.24, 0.08), (0.5, 0.16))  # wavelengths
_WAVES_OF = tuple(thing for thing, lengths in enumerate(_WAVES) for _ in lengths)
_POSE = ("vx", "vy", "gait_sin", "gait_cos", "arms", "facing", "up", "holds")
_PLAIN = 2 * (1 + len(_POSE)) + 3 + 3 + 3  # windows of bodies, ball, hoop and shadows
MAPS = _PLAIN + 4 * len(_WAVES_OF)


class Geometry(nn.Module):
    """Facts (..., COUNT) -> View. Its maps are each thing's window and what is drawn under it,
    shadows, and waves of each cell's offset from each thing under its window. It has nothing to
    learn.

    Every map is a product of a profile along the rows and one along the columns.
    """

    plain_of: Tensor
    waves_of: Tensor
    moving: Tensor

    def __init__(self, size: PictureSize) -> None:
        super().__init__()
        self.size = size
        self.in_windows = Affine(partial(_in_windows, size), facts.COUNT)
        self.angles = Affine(partial(_angles, size), facts.COUNT)
        self.strengths = Affine(_strengths, facts.COUNT)
        self.places = Affine(partial(_places, size), facts.COUNT)
        body = 1 + len(_POSE)
        plain = [0] * body + [1] * body + [2] * 3 + [3] * 3 + [4, 5, 6]
        moving = [0, body, 2 * body, _PLAIN - 4, _PLAIN - 3, _PLAIN - 2, _PLAIN - 1]
        self.register_buffer("plain_of", torch.tensor(plain), persistent=False)
        self.register_buffer("waves_of", torch.tensor(_WAVES_OF), persistent=False)
        self.register_buffer("moving", torch.tensor(moving), persistent=False)

    def forward(self, f: Tensor) -> View:
        present, above, strengths = self.strengths(f).split([_WINDOWS, 3, _PLAIN - 3], -1)
        shadows = torch.exp(-2.5 * above.clamp_min(0))
        # An exponent below -20 would make denormal numbers, which slow every later product down.
        near = self.in_windows(f).unflatten(-1, (_WINDOWS, -1))
        fall = near.square().square().clamp(max=20)
        windows = torch.exp(-fall) * present[..., None]
        angles = self.angles(f).unflatten(-1, (len(_WAVES_OF), -1))
        waves = torch.cat([angles.sin(), angles.cos()], -2)  # (..., 2 waves, cells)

        plain = windows.index_select(-2, self.plain_of)
        waving = windows.index_select(-2, self.waves_of).repeat(*[1] * (f.ndim - 1), 2, 1)
        waved = waving * waves
        strength = torch.cat([strengths, shadows], -1)[..., None]
        rows, columns = self.size.rows, self.size.columns
        wide, high = slice(0, columns), slice(columns, None)
        across = torch.cat([plain[..., wide], waved[..., wide], waving[..., wide]], -2)
        along = torch.cat([plain[..., high] * strength, waving[..., high], waved[..., high]], -2)
        maps = along[..., :, None] * across[..., None, :]  # (..., MAPS, rows, columns)

        x, y = self.places(f).split([columns, rows], -1)
        cells = (*f.shape[:-1], rows, columns)
        place = torch.stack([x[..., None, :].expand(cells), y[..., None].expand(cells)], -1)
        busy = maps.index_select(-3, self.moving).abs().amax(-3)
        absent = (1 - present[..., :THINGS, None]) * _AWAY
        things = near[..., :THINGS, :] + absent
        return View(maps, place[..., None, :, :, :], busy.clamp(max=1), things=things)


def _cells(size: PictureSize, f: Tensor) -> tuple[Tensor, Tensor]:
    """Where in the world the middles of the picture's columns and rows are: (..., columns) and
    (..., rows), y up."""
    rows, columns = size.rows, size.columns
    y = (rows / 2 - 0.5 - torch.arange(rows, dtype=f.dtype)) / rows
    x = (torch.arange(columns, dtype=f.dtype) + 0.5 - columns / 2) / rows
    view = (f[..., AT["camera_view"]] * VIEW_UNIT + VIEW_MIDDLE)[..., None]
    cx, cy = place(f, "camera")
    return cx[..., None] + view * x, cy[..., None] + view * y


def _places(size: PictureSize, f: Tensor) -> Tensor:
    """The same within [-1, 1], y down: (..., columns + rows)."""
    x, y = _cells(size, f)
    return torch.cat([x / facts.ALONG - 1, 1 - 2 * y], -1)


def _offsets(size: PictureSize, f: Tensor) -> Tensor:
    """Of each cell from each window's middle: (..., windows, columns + rows)."""
    (px, py), (rx, ry), (bx, by) = place(f, "player"), place(f, "rival"), place(f, "ball")
    hx, hy = place(f, "hoop")
    floor = torch.full_like(px, FLOOR)
    at_x = torch.stack([px, rx, bx, hx, px, rx, bx], -1)
    at_y = torch.stack([py + 0.15, ry + 0.15, by, hy, floor, floor, floor], -1)
    x, y = _cells(size, f)
    return torch.cat([x[..., None, :] - at_x[..., None], y[..., None, :] - at_y[..., None]], -1)


def _in_windows(size: PictureSize, f: Tensor) -> Tensor:
    """The same, 1 at the window's edge: (..., windows * cells)."""
    sizes = torch.tensor([_WIDE, _HIGH], dtype=f.dtype).T
    along = sizes.repeat_interleave(torch.tensor([size.columns, size.rows]), -1)
    return (_offsets(size, f) / along).flatten(-2)


def _angles(size: PictureSize, f: Tensor) -> Tensor:
    """The same as the phase of each wave: (..., waves * cells)."""
    turns = torch.tensor([2 * math.pi / w for lengths in _WAVES for w in lengths], dtype=f.dtype)
    return (_offsets(size, f)[..., list(_WAVES_OF), :] * turns[:, None]).flatten(-2)


def _strengths(f: Tensor) -> Tensor:
    """For each window whether its thing is there, for each shadow how high above it its owner
    is, then how strong each map is that is no wave and no shadow."""
    one = torch.ones_like(f[..., 0])
    rivals = (f[..., AT["rivals"]] + 1) / 2
    present = [one, rivals, one, one, one, rivals, one]
    above = [place(f, who)[1] - FLOOR for who in ("player", "rival", "ball")]
    above[2] = above[2] - BALL_RADIUS

    def pose(who: str) -> list[Tensor]:
        return [one, *(f[..., AT[f"{who}_{name}"]] for name in _POSE)]

    ball = [one, f[..., AT["spin_sin"]], f[..., AT["spin_cos"]]]
    hoop = [one, f[..., AT["hoop_side"]], f[..., AT["net"]]]
    strengths = [*present, *above, *pose("player"), *pose("rival"), *ball, *hoop]
    return torch.stack(strengths, -1)
