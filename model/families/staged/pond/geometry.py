"""Where the things on a pond are in the picture, as maps of latent cells for convolutions.

Person, head, reeds and drops have smooth windows, products of a profile along the rows and one
along the columns; water and board have lines, above or below which each cell is. Where the camera
sees a cell in the world is affine in the facts, and so is nearly all else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.pond import basin, facts
from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, SHORE, SPACING, WIDTH
from lightcone.model.families.staged.pond.constants import BOARD_HALF, BODY, SPRAY_SECONDS
from lightcone.model.families.staged.pond.facts import (
    ALONG,
    AT,
    COUNT,
    FIELD,
)
from lightcone.model.families.staged.pond.spray import pace, spread
from lightcone.model.families.staged.shared.affine import Affine
from lightcone.model.families.staged.shared.camera import VIEW_MIDDLE, VIEW_UNIT
from lightcone.model.families.staged.view import View

_QUARTERS = (0.0, math.pi / 2)  # whose sines are sine and cosine
_TURNED = ("sin", "cos")  # of the lean, after the facts
_PERSON, _HEAD, _REEDS, _FAR_REEDS = range(4)  # windows
_WINDOWS = 4
_WIDE = (0.20, 0.07, 0.13, 0.13)  # of each window, in picture heights
_HIGH = (0.20, 0.07, 0.16, 0.16)
_WAVES = ((0.5, _PERSON), (0.22, _PERSON), (0.1, _PERSON), (0.1, _HEAD))  # lengths
_POSE = (
    "lean", "stroke_sin", "stroke_cos", "facing", "aboard", "wet", "rowing", "pvx", "pvy",
    "clock2_sin", "clock2_cos",
)  # fmt: skip
_BLOWN = ("gust", "clock3_sin", "clock3_cos")  # what moves reeds
_ON_BOARD = ("aboard", "tilt", "tilt_rate")
_DROP = 0.035  # radius of a drop's window
_SPLASH_PARTS = (1, 1, 1, 1, 1, 1, 1)  # place, age, ahead, rise, rest, strength, reach
_SPLASH = len(_SPLASH_PARTS)
_BOARD_WAVES = (0.3, 0.1)  # wavelengths along the board
THINGS = 5
# What takes a column and a row to a sprite's coordinates: the board's half lies within 0.17 by
# 0.10 picture heights, the splash's within 0.26 by 0.24, a little above the water.
_BOARD_SPRITE = (BOARD_HALF / 0.17, facts.SURFACE / 0.10)
_SPLASH_SPRITE = (_DROP / 0.26, _DROP / 0.24)
_SPLASH_LIFT = 0.6
_LINES = 4  # the water in a cell's middle, in its left and right half, the board
_LINE_WAVES = (0.4, 0.1, 0.1, 0.1)  # wavelengths across each line
_LINE_HIGH = (0.10, 0.10, 0.10, 0.06)  # of the window around each line
_LIT = 0.16  # how deep light reaches
_GLITTER = 70.0  # of the light on the water, radians in a picture height

# Maps: windows times a strength, waves under windows, drops, then what goes with the lines.
_PLAIN = 1 + len(_POSE) + 1 + 1 + len(_BLOWN)
_SMOOTH = _PLAIN + 4 * len(_WAVES)
OVER_WATER = _SMOOTH + 3 + 2 + 2 * _LINES  # above 0 where it is so
MAPS = OVER_WATER + 2 + 2 + 3 + 2 * len(_BOARD_WAVES) + len(_ON_BOARD)


class Geometry(nn.Module):
    """Facts (..., COUNT) -> View. It has nothing to learn.

    Constants that facts are multiplied by are tensors or in the affine map: with tensors this
    small it is the number of operations that costs.
    """

    plain_of: Tensor
    waves_of: Tensor
    turns: Tensor
    highs: Tensor
    middles: Tensor
    fan: Tensor
    throw: Tensor
    fall: Tensor
    over: Tensor
    depth: Tensor
    pose_at: Tensor
    sprites_of: Tensor

    def __init__(self, size: PictureSize) -> None:
        super().__init__()
        self.size = size
        rows, columns = size.rows, size.columns
        cells = columns + rows
        parts: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
            "windows": (partial(_in_windows, size), _WINDOWS * cells),
            "angles": (partial(_angles, size), len(_WAVES) * cells),
            "board": (partial(_along_board, columns), columns * (1 + 2 * len(_BOARD_WAVES))),
            "deck": (_deck, 2),
            "heights": (lambda f: (_seen_up(rows, f) - LEVEL) / facts.SURFACE, rows),
            "columns": (partial(_water_columns, columns), 2 * columns),
            "drops": (partial(_in_drops, size), cells),
            "splash": (_splash, _SPLASH),
            "glitter": (partial(_glitter, rows), 2 * rows + 4),
            "place": (partial(_place, size), cells),
            "sharp": (lambda f: (1 - f[..., AT["camera_view"], None]) / 2, 1),
            "strengths": (_strengths, _PLAIN),
        }
        self.parts = [count for _, count in parts.values()]
        self.affine = Affine(
            lambda f: torch.cat([function(f) for function, _ in parts.values()], -1),
            COUNT + len(_TURNED),
        )
        person = [_PERSON] * (1 + len(_POSE))
        fan, throw, fall = spread()
        buffers = {
            "plain_of": torch.tensor([*person, _HEAD, *[_REEDS] * (1 + len(_BLOWN))]),
            "waves_of": torch.tensor([window for _, window in _WAVES] * 2),
            "turns": 2 * math.pi * facts.SURFACE / torch.tensor(_LINE_WAVES)[:, None, None],
            "highs": facts.SURFACE / torch.tensor(_LINE_HIGH)[:, None, None],
            "middles": torch.arange(basin.COLUMNS).float(),
            "fan": fan / _DROP,
            "throw": throw / _DROP,
            "fall": torch.tensor(fall / _DROP),
            "over": torch.tensor(30 * facts.SURFACE),
            "depth": torch.tensor(facts.SURFACE / _LIT),
            "sprites_of": torch.tensor([_PERSON, _REEDS, _FAR_REEDS]),
            "pose_at": torch.tensor([AT[name] for name in _ON_BOARD]),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, f: Tensor) -> View:
        lean = f[..., AT["lean"], None] * facts.LEAN
        known = torch.cat([f, lean.sin(), lean.cos()], -1)
        (
            windows, angles, board, deck, heights, columns, cells, splash, glitter, place, sharp,
            strengths,
        ) = self.affine(known).split(self.parts, -1)  # fmt: skip
        foam, drops = self._spray(splash, cells)
        lined, crest = self._lines(f, heights, columns, board, deck, glitter, foam)
        smooth = self._smooth(windows, angles, strengths)
        maps = torch.cat([smooth, drops, lined], -3)
        x, y = self._sides(place)
        shape = (*f.shape[:-1], self.size.rows, self.size.columns)
        places = torch.stack([x[..., None, :].expand(shape), y[..., None].expand(shape)], -1)
        busy = crest
        for thing in (0, 1 + len(_POSE), 2 + len(_POSE), _SMOOTH):
            busy = torch.maximum(busy, maps[..., thing, :, :])
        # `sharp` is 0 at zoom 1 and 1 at zoom 2, as the logarithm; between, near enough.
        things = self._things(windows, heights, board, deck, splash, cells)
        return View(maps, places[..., None, :, :, :], busy, sharp=sharp, things=things)

    def _sides(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """(..., columns + rows) -> (..., columns) and (..., rows)."""
        wide, high = cells.split([self.size.columns, self.size.rows], -1)
        return wide, high

    def _things(
        self,
        windows: Tensor,
        heights: Tensor,
        board: Tensor,
        deck: Tensor,
        splash: Tensor,
        cells: Tensor,
    ) -> Tensor:
        """Cells from person, reeds, far reeds, board and splash: (..., THINGS, columns + rows)."""
        own = windows.unflatten(-1, (_WINDOWS, -1)).index_select(-2, self.sprites_of)
        on_board = torch.cat(
            [
                board[..., : self.size.columns] * _BOARD_SPRITE[0],
                (heights - deck[..., :1]) * _BOARD_SPRITE[1],
            ],
            -1,
        )
        wide, high = self._sides(cells)
        at_splash = torch.cat(
            [(wide - splash[..., :1]) * _SPLASH_SPRITE[0], high * _SPLASH_SPRITE[1] - _SPLASH_LIFT],
            -1,
        )
        return torch.cat([own, on_board[..., None, :], at_splash[..., None, :]], -2)

    def _smooth(self, windows: Tensor, angles: Tensor, strengths: Tensor) -> Tensor:
        """Person, head and reeds: (..., _SMOOTH, rows, columns)."""
        windows = _bell(windows.square()).unflatten(-1, (_WINDOWS, -1))
        angles = angles.unflatten(-1, (len(_WAVES), -1))
        waves = torch.cat([angles.sin(), angles.cos()], -2)  # (..., 2 waves, cells)
        plain = windows.index_select(-2, self.plain_of)
        around = windows.index_select(-2, self.waves_of)
        waved = around * waves
        wide, high = slice(0, self.size.columns), slice(self.size.columns, None)
        across = torch.cat([plain[..., wide], waved[..., wide], around[..., wide]], -2)
        reeds = slice(_PLAIN - 1 - len(_BLOWN), _PLAIN)
        across[..., reeds, :] += windows[..., _FAR_REEDS, None, wide]
        strong = plain[..., high] * strengths[..., None]
        along = torch.cat([strong, around[..., high], waved[..., high]], -2)
        return along[..., :, None] * across[..., None, :]

    def _spray(self, splash: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """How much foam there is in each column, (..., columns); and the drops: where they are,
        and how far beside and below them a cell is, (..., 3, rows, columns)."""
        x, age, ahead, rise, gone, strength, reach = splash.split(_SPLASH_PARTS, -1)
        fade = gone.clamp(0, 1)  # 1, and 0 when the splash is over
        at_x = torch.addcmul(x, age * ahead, self.fan)
        at_y = torch.addcmul(age.square() * self.fall, age * rise, self.throw)  # above LEVEL
        places = torch.cat([at_x, at_y], -1).unflatten(-1, (2, -1))
        wide, high = self._sides(cells[..., None, :])
        offsets = torch.cat([wide - places[..., 0, :, None], high - places[..., 1, :, None]], -1)
        bells = _bell(offsets)  # (..., DROPS, columns + rows)
        ramps = bells * offsets
        shown = (1 + at_y).clamp(0, 1) * fade
        (bell, bell_high), (ramp, ramp_high) = self._sides(bells), self._sides(ramps)
        bell_high, ramp_high = bell_high * shown[..., None], ramp_high * shown[..., None]
        rows = torch.stack([bell_high, bell_high, ramp_high], -3)  # (..., 3, DROPS, rows)
        across = torch.stack([bell, ramp, bell], -3)
        drops = torch.tanh(rows.transpose(-1, -2) @ across)  # many may be in one place
        far = (self._sides(cells)[0] - x) / reach
        return _bell(far.square()) * (gone * strength.clamp(max=1)), drops

    def _lines(
        self,
        f: Tensor,
        heights: Tensor,
        columns: Tensor,
        board: Tensor,
        deck: Tensor,
        glitter: Tensor,
        foam: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Water, foam and board: maps, and how near each cell is to what of them moves."""
        rows, columns_seen = self.size.rows, self.size.columns
        at = columns.clamp(0, basin.COLUMNS - 1)
        near = torch.relu(1 - (at[..., None] - self.middles).abs())
        field = f[..., FIELD].unflatten(-1, (2, basin.COLUMNS))
        halves = (field @ near.transpose(-1, -2)).unflatten(-1, (columns_seen, 2))
        middle, slope = halves.mean(-1), halves.diff(dim=-1)[..., 0, :, 0]
        surface, speed = middle.unbind(-2)
        from_board, board_waves = board.tensor_split([columns_seen], -1)
        level, tilt = deck.split(1, -1)
        upper = torch.addcmul(level, tilt, from_board)
        lines = torch.stack([surface, *halves[..., 0, :, :].unbind(-1), upper], -2)
        above = heights[..., None, :, None] - lines[..., None, :]  # (..., LINES, rows, columns)
        around = _bell((above * self.highs).square())
        around[..., 3, :, :] *= _bell(from_board.square())[..., None, :]
        angle = above * self.turns
        waterline, deckline = around[..., 0, :, :], around[..., 3, :, :]
        up = torch.tanh(above[..., ::3, :, :] * self.over)  # over water and board
        under = torch.exp((above[..., 0, :, :] * self.depth).clamp(-20, 0))
        lit = under * (up[..., 0, :, :] < 0)
        phases, turn = glitter.split([2 * rows, 4], -1)
        swaying = turn.unflatten(-1, (2, 2)) @ phases.sin().unflatten(-1, (2, -1))
        moves = torch.stack([speed, slope, foam], -2).tanh()[..., None, :]
        pose = f.index_select(-1, self.pose_at).tanh()[..., None]
        pose = pose.expand(*f.shape[:-1], -1, columns_seen)
        waves = board_waves.unflatten(-1, (-1, columns_seen)).sin()
        on = torch.cat([waves, pose], -2)[..., None, :]
        maps = torch.cat(
            [
                around[..., ::3, :, :],
                around * angle.sin(),
                around * angle.cos(),
                up,
                swaying[..., None] * lit.unsqueeze(-3),
                moves * waterline.unsqueeze(-3),
                on * deckline.unsqueeze(-3),
            ],
            -3,
        )
        return maps, torch.maximum(torch.maximum(waterline, lit), deckline)


def _bell(x: Tensor) -> Tensor:
    """exp(-x^2). An exponent below -20 would make denormal numbers, which slow every later
    product down."""
    return x.square().clamp(max=20).neg().exp()


def _cells(size: PictureSize, f: Tensor) -> tuple[Tensor, Tensor]:
    """Where in the world the middles of the picture's columns and rows are: (..., columns) and
    (..., rows), y up."""
    return _seen_along(size.columns, f), _seen_up(size.rows, f)


def _seen_along(count: int, f: Tensor) -> Tensor:
    """x in the world of the middles of `count` equal parts of the picture's width."""
    x = ((torch.arange(count, dtype=f.dtype) + 0.5) / count - 0.5) * WIDTH
    return (f[..., AT["camera_x"], None] + 1) * ALONG + _view(f) * x


def _seen_up(rows: int, f: Tensor) -> Tensor:
    y = 0.5 - (torch.arange(rows, dtype=f.dtype) + 0.5) / rows
    return (f[..., AT["camera_y"], None] + 1) / 2 + _view(f) * y


def _view(f: Tensor) -> Tensor:
    """1 / zoom."""
    return f[..., AT["camera_view"], None] * VIEW_UNIT + VIEW_MIDDLE


def _place(size: PictureSize, f: Tensor) -> Tensor:
    """Columns and rows within [-1, 1], y down: (..., columns + rows)."""
    x, y = _cells(size, f)
    return torch.cat([x / ALONG - 1, 1 - 2 * y], -1)


def _water_columns(columns: int, f: Tensor) -> Tensor:
    """Of the halves of the picture's columns, in columns of the water: (..., 2 * columns)."""
    return (_seen_along(2 * columns, f) - LEFT) / SPACING - 0.5


def _along_board(columns: int, f: Tensor) -> Tensor:
    """From the board's middle to each column, 1 at its end, and as phases of its waves, which
    begin with sine and cosine."""
    far = _seen_along(columns, f) - (f[..., AT["bx"], None] + 1) * ALONG
    phases = [far * (2 * math.pi / length) + a for length in _BOARD_WAVES for a in _QUARTERS]
    return torch.cat([far / BOARD_HALF, *phases], -1)


def _deck(f: Tensor) -> Tensor:
    """The board's height and how much higher its right end is, in the surface's unit: (..., 2)."""
    level = f[..., AT["by"]] * (facts.BOARD_Y / facts.SURFACE)
    return torch.stack([level, f[..., AT["tilt"]] * (facts.TILT * BOARD_HALF / facts.SURFACE)], -1)


def _in_drops(size: PictureSize, f: Tensor) -> Tensor:
    """Columns, and rows above LEVEL, in the radius of a drop's window: (..., columns + rows)."""
    x, y = _cells(size, f)
    return torch.cat([x, y - LEVEL], -1) / _DROP


def _splash(f: Tensor) -> Tensor:
    """Of the last splash: where, in the radius of a drop's window; its age in seconds; how fast
    its drops go ahead and up; what is left of it; how much foam, and how widely."""
    x, speed, age = f[..., AT["splash_x"] : AT["splash_age"] + 1].unbind(-1)
    age = (age + 1) / 2 * SPRAY_SECONDS
    ahead, rise = pace(speed)
    left = 1 - age / SPRAY_SECONDS
    rows = [
        (x + 1) * ALONG / _DROP,
        age,
        ahead,
        rise,
        left,
        0.3 + speed,
        (0.05 + 0.1 * age) / _DROP,
    ]
    return torch.stack(rows, -1)


def _glitter(rows: int, f: Tensor) -> Tensor:
    """Phases of the light on the water in each row, a quarter apart, and the matrix by which the
    clock turns them: (..., 2 * rows + 4)."""
    phase = _GLITTER * _seen_up(rows, f)
    s, c = f[..., AT["clock2_sin"]], f[..., AT["clock2_cos"]]
    return torch.cat([*(phase + a for a in _QUARTERS), torch.stack([c, s, -s, c], -1)], -1)


def _offsets(size: PictureSize, f: Tensor) -> Tensor:
    """Of each cell from each window's middle: (..., windows, columns + rows). After the facts
    come sine and cosine of the lean."""
    sine, cosine = f[..., COUNT], f[..., COUNT + 1]
    x = (f[..., AT["px"]] + 1) * ALONG
    y = f[..., AT["py"]] * facts.PERSON_Y + LEVEL
    zero = torch.zeros_like(x)
    at_x = [x + 0.5 * BODY * sine, x + 0.9 * BODY * sine, zero + LEFT / 2, zero + WIDTH - LEFT / 2]
    at_y = [y + 0.5 * BODY * cosine, y + 0.9 * BODY * cosine, zero + SHORE + 0.1]
    at_y.append(at_y[-1])
    wide, high = _cells(size, f)
    return torch.cat(
        [
            wide[..., None, :] - torch.stack(at_x, -1)[..., None],
            high[..., None, :] - torch.stack(at_y, -1)[..., None],
        ],
        -1,
    )


def _in_windows(size: PictureSize, f: Tensor) -> Tensor:
    """The same, 1 at the window's edge: (..., windows * cells)."""
    sizes = torch.tensor([_WIDE, _HIGH], dtype=f.dtype).T
    along = sizes.repeat_interleave(torch.tensor([size.columns, size.rows]), -1)
    return (_offsets(size, f) / along).flatten(-2)


def _angles(size: PictureSize, f: Tensor) -> Tensor:
    """The same as the phase of each wave: (..., waves * cells)."""
    turns = torch.tensor([2 * math.pi / length for length, _ in _WAVES], dtype=f.dtype)
    return (_offsets(size, f)[..., [window for _, window in _WAVES], :] * turns[:, None]).flatten(
        -2
    )


def _strengths(f: Tensor) -> Tensor:
    """How strong each map is that is a window and no wave: (..., _PLAIN)."""
    one = torch.ones_like(f[..., 0])
    pose, blown = ([f[..., AT[name]] for name in names] for names in (_POSE, _BLOWN))
    return torch.stack([one, *pose, one, one, *blown], -1)
