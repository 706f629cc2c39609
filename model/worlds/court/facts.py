"""What is the case on a court, as numbers near [-1, 1]: the state stream of the learned world.

The simulator writes them for training; when serving, `model.dynamics` predicts them from those
before and the actions, and the transformer draws and sounds what they say.
"""

from __future__ import annotations

import math

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


def occupied(f: Tensor, rows: int, columns: int) -> Tensor:
    """How far each cell shows what moves, 0 to 1: (..., COUNT) -> (..., rows, columns)."""
    where = maps(f, rows, columns)[..., (0, 23, 39, 40, 41, 42), :, :]
    return where.abs().amax(-3).clamp(max=1)


RELATIONS = 15
MAPS = 43  # of one frame


def maps(f: Tensor, rows: int, columns: int) -> Tensor:
    """Where things are, for convolutions: (..., COUNT) -> (..., MAPS, rows, columns).

    Each cell's offset from player and ball as waves under a window around them, their pose under
    the same window, and the net's under one around the hoop.
    """
    y = (rows - 0.5 - torch.arange(rows, device=f.device, dtype=f.dtype)) / _CELLS_PER_HEIGHT
    x = (torch.arange(columns, device=f.device, dtype=f.dtype) + 0.5) / _CELLS_PER_HEIGHT
    player, ball, hoop = places(f)
    middle = player + torch.tensor([0.0, 0.15], device=f.device, dtype=f.dtype)

    def window(at: Tensor, wide: float, high: float) -> tuple[Tensor, Tensor, Tensor]:
        dx = x - at[..., 0, None]  # (..., columns)
        dy = y - at[..., 1, None]
        bell = (
            torch.exp(-(dy / high).pow(4))[..., :, None]
            * torch.exp(-(dx / wide).pow(4))[..., None, :]
        )
        return dx, dy, bell

    def waves(dx: Tensor, dy: Tensor, bell: Tensor, lengths: tuple[float, ...]) -> list[Tensor]:
        out = [bell]
        for length in lengths:
            for d in (
                (2 * math.pi / length * dx)[..., None, :],
                (2 * math.pi / length * dy)[..., :, None],
            ):
                out += [bell * d.sin(), bell * d.cos()]
        return out

    dx, dy, bell = window(middle, 0.16, 0.22)
    player_maps = waves(dx, dy, bell, (0.5, 0.22, 0.1))  # 13
    pose = (2, 3, 4, 5, 15, 16, 17, *range(COUNT - len(drawing.SHIRTS), COUNT))  # 10
    player_maps += [bell * f[..., i, None, None] for i in pose]
    dx, dy, bell = window(ball, 0.09, 0.09)
    ball_maps = waves(dx, dy, bell, (0.3, 0.15, 0.08))  # 13
    ball_maps += [bell * f[..., i, None, None] for i in (10, 11, 17)]  # 3
    shadow = torch.tensor([1.0, 0.0], device=f.device, dtype=f.dtype)
    ground = torch.tensor([0.0, FLOOR], device=f.device, dtype=f.dtype)
    _, _, below_player = window(player * shadow + ground, 0.12, 0.05)
    _, _, below_ball = window(ball * shadow + ground, 0.08, 0.05)
    _, _, at_net = window(hoop - torch.tensor([0.0, 0.05], device=f.device), 0.10, 0.10)
    height = f[..., 1, None, None]
    rest = [below_player * (1 + height), below_ball, at_net * f[..., 12, None, None],
            at_net * f[..., 13, None, None]]  # fmt: skip
    return torch.stack([*player_maps, *ball_maps, *rest], -3)
