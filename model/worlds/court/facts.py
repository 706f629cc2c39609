"""What is the case on a court, as numbers near [-1, 1]: the state stream of the learned world.

The simulator writes them for training; when serving, `model.dynamics` predicts them from those
before and the actions, and the transformer draws and sounds what they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from model.worlds.court import drawing
from model.worlds.court.physics import (
    BOARD_GAP,
    FLOOR,
    JUMP_SPEED,
    PICKUP_PAUSE,
    RIM_HALF,
    RUN_SPEED,
    WIDTH,
    CourtState,
)

NAMES = (
    "px", "py", "pvx", "pvy", "gait_sin", "gait_cos", "bx", "by", "bvx", "bvy", "spin_sin",
    "spin_cos", "net", "net_speed", "pause", "arms", "facing", "held", "shot_pressed",
    "hoop_side", "hoop_y",
    *(f"look_{look.name}" for look in drawing.LOOKS), *(f"shirt_{n}" for n, _ in drawing.SHIRTS),
)  # fmt: skip
COUNT = len(NAMES)
CONTINUOUS = 16  # the first so many
FLAGS = 19  # from CONTINUOUS to here: -1 or 1; what follows never changes
ANGLES = (4, 10)  # where a sine is followed by its cosine
_HEIGHT_SCALE = 0.4
_CELLS_PER_HEIGHT = 24  # latent cells


def facts(s: CourtState) -> Tensor:
    """States with fields (...) -> (..., COUNT)."""
    gait, spin = 2 * math.pi * s.gait, s.spin
    columns = [
        2 * s.px / WIDTH - 1,
        (s.py - FLOOR) / _HEIGHT_SCALE,
        s.pvx / RUN_SPEED,
        s.pvy / JUMP_SPEED,
        gait.sin(),
        gait.cos(),
        2 * s.bx / WIDTH - 1,
        (s.by - FLOOR) / _HEIGHT_SCALE - 1,
        s.bvx / RUN_SPEED,
        s.bvy / JUMP_SPEED,
        spin.sin(),
        spin.cos(),
        s.net * 10,
        s.net_speed,
        s.pause / PICKUP_PAUSE,
        s.arms,
        s.facing,
        2 * s.held - 1,
        2 * s.shot_pressed - 1,
        s.hoop_side,
        (s.hoop_y - 0.60) * 15,
    ]
    looks = F.one_hot(s.look.long(), len(drawing.LOOKS)).float()
    shirts = F.one_hot(s.shirt.long(), len(drawing.SHIRTS)).float()
    return torch.cat([torch.stack(columns, -1), looks, shirts], -1)


def places(f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(..., COUNT) -> the player's feet, the ball's centre and the rim's middle, each (..., 2) in
    picture heights, y up."""
    player = torch.stack([(f[..., 0] + 1) * WIDTH / 2, f[..., 1] * _HEIGHT_SCALE + FLOOR], -1)
    ball = torch.stack([(f[..., 6] + 1) * WIDTH / 2, (f[..., 7] + 1) * _HEIGHT_SCALE + FLOOR], -1)
    side = f[..., 19]
    hoop = torch.stack(
        [
            torch.where(side > 0, WIDTH - 0.20, 0.20 + torch.zeros_like(side)),
            f[..., 20] / 15 + 0.60,
        ],
        -1,
    )
    return player, ball, hoop


def relations(f: Tensor) -> Tensor:
    """What a collision depends on: (..., COUNT) -> (..., RELATIONS)."""
    player, ball, hoop = places(f)
    board = hoop[..., 0] + f[..., 19] * (RIM_HALF + BOARD_GAP)
    to_hand = (ball - player) * 6
    to_hoop = (ball - hoop) * 8
    to_board = ((ball[..., 0] - board) * 12)[..., None]
    close = torch.exp(-to_hoop.square().sum(-1, keepdim=True))
    near = torch.exp(-to_hand.square().sum(-1, keepdim=True))
    waves = torch.cat([to_hoop, to_hand], -1)
    return torch.cat(
        [to_hand.tanh(), to_hoop.tanh(), to_board.tanh(), close, near, waves.sin(), waves.cos()],
        -1,
    )


@dataclass(frozen=True)
class Window:
    """A smooth window around a place: each cell's offsets `dx` (..., columns) and `dy`
    (..., rows) in picture heights, and how far it is inside, `bell` (..., rows, columns)."""

    dx: Tensor
    dy: Tensor
    bell: Tensor


@dataclass(frozen=True)
class Windows:
    """What moves, each in a window of its own."""

    player: Window
    ball: Window
    below_player: Window  # shadows
    below_ball: Window
    net: Window


def windows(f: Tensor, rows: int, columns: int) -> Windows:
    """(..., COUNT) -> windows of (..., rows, columns)."""
    y = (rows - 0.5 - torch.arange(rows, device=f.device, dtype=f.dtype)) / _CELLS_PER_HEIGHT
    x = (torch.arange(columns, device=f.device, dtype=f.dtype) + 0.5) / _CELLS_PER_HEIGHT
    player, ball, hoop = places(f)

    def around(at_x: Tensor, at_y: Tensor, wide: float, high: float) -> Window:
        dx, dy = x - at_x[..., None], y - at_y[..., None]
        tall, broad = torch.exp(-(dy / high).pow(4)), torch.exp(-(dx / wide).pow(4))
        return Window(dx, dy, tall[..., :, None] * broad[..., None, :])

    floor = torch.full_like(player[..., 0], FLOOR)
    return Windows(
        around(player[..., 0], player[..., 1] + 0.15, 0.16, 0.22),
        around(ball[..., 0], ball[..., 1], 0.09, 0.09),
        around(player[..., 0], floor, 0.12, 0.05),
        around(ball[..., 0], floor, 0.08, 0.05),
        around(hoop[..., 0], hoop[..., 1] - 0.05, 0.10, 0.10),
    )


def bodies(f: Tensor, rows: int, columns: int) -> Tensor:
    """Where player and ball are: (..., COUNT) -> (..., BODIES, rows, columns)."""
    w = windows(f, rows, columns)
    return torch.stack([w.player.bell, w.ball.bell], -3)


def occupied(f: Tensor, rows: int, columns: int) -> Tensor:
    """How far each cell shows what moves, 0 to 1: (..., COUNT) -> (..., rows, columns)."""
    w = windows(f, rows, columns)
    where = torch.stack([w.player.bell, w.ball.bell, *_rest(w, f)], -3)
    return where.abs().amax(-3).clamp(max=1)


RELATIONS = 15
BODIES = 2
MAPS = 43  # of one frame


def maps(f: Tensor, rows: int, columns: int) -> Tensor:
    """Where things are, for convolutions: (..., COUNT) -> (..., MAPS, rows, columns).

    Each cell's offset from player and ball as waves under a window around them, their pose under
    the same window, and the net's under one around the hoop.
    """
    w = windows(f, rows, columns)
    pose = (2, 3, 4, 5, 15, 16, 17, *range(COUNT - len(drawing.SHIRTS), COUNT))
    parts = [
        *_waves(w.player, (0.5, 0.22, 0.1)),
        *(w.player.bell * f[..., i, None, None] for i in pose),
        *_waves(w.ball, (0.3, 0.15, 0.08)),
        *(w.ball.bell * f[..., i, None, None] for i in (10, 11, 17)),
        *_rest(w, f),
    ]
    return torch.stack(parts, -3)


def _waves(window: Window, lengths: tuple[float, ...]) -> list[Tensor]:
    out = [window.bell]
    for length in lengths:
        for d in (
            (2 * math.pi / length * window.dx)[..., None, :],
            (2 * math.pi / length * window.dy)[..., :, None],
        ):
            out += [window.bell * d.sin(), window.bell * d.cos()]
    return out


def _rest(w: Windows, f: Tensor) -> list[Tensor]:
    """Shadows, and the net as far as it is pushed and moves."""
    return [
        w.below_player.bell * (1 + f[..., 1, None, None]),
        w.below_ball.bell,
        w.net.bell * f[..., 12, None, None],
        w.net.bell * f[..., 13, None, None],
    ]
