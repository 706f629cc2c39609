"""What is the case on a court, as numbers near [-1, 1]: the state stream of the learned world.

The simulator writes them for training; when serving, `model.dynamics` predicts them from those
before and the actions, and the transformer draws and sounds what they say.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.worlds.court import drawing
from model.worlds.court.physics import (
    BOARD_GAP,
    FLOOR,
    HOOP_FROM_WALL,
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
AT = {name: i for i, name in enumerate(NAMES)}
CONTINUOUS = AT["facing"]  # the first so many
FLAGS = AT["hoop_side"]  # from CONTINUOUS to here: -1 or 1; what follows never changes
ANGLES = (AT["gait_sin"], AT["spin_sin"])  # where a sine is followed by its cosine
RELATIONS = 15
_HEIGHT_SCALE = 0.4
_HOOP_MIDDLE, _HOOP_SCALE = 0.60, 15


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
        (s.hoop_y - _HOOP_MIDDLE) * _HOOP_SCALE,
    ]
    looks = F.one_hot(s.look.long(), len(drawing.LOOKS)).float()
    shirts = F.one_hot(s.shirt.long(), len(drawing.SHIRTS)).float()
    return torch.cat([torch.stack(columns, -1), looks, shirts], -1)


def places(f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(..., COUNT) -> the player's feet, the ball's centre and the rim's middle, each (..., 2) in
    picture heights, y up."""
    px, bx, by = (f[..., AT[name]] for name in ("px", "bx", "by"))
    middle = WIDTH / 2
    player = torch.stack([(px + 1) * middle, f[..., AT["py"]] * _HEIGHT_SCALE + FLOOR], -1)
    ball = torch.stack([(bx + 1) * middle, (by + 1) * _HEIGHT_SCALE + FLOOR], -1)
    rim = middle + f[..., AT["hoop_side"]] * (middle - HOOP_FROM_WALL)
    hoop = torch.stack([rim, f[..., AT["hoop_y"]] / _HOOP_SCALE + _HOOP_MIDDLE], -1)
    return player, ball, hoop


class Affine(nn.Module):
    """An affine function of facts, as one product: (..., COUNT) -> (..., N). It has nothing to
    learn."""

    weight: Tensor
    bias: Tensor

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        bias = function(torch.zeros(COUNT, dtype=torch.float64))
        weight = (function(torch.eye(COUNT, dtype=torch.float64)) - bias).T
        self.register_buffer("weight", weight.float().contiguous(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def forward(self, f: Tensor) -> Tensor:
        return F.linear(f, self.weight, self.bias)


class Relations(nn.Module):
    """What a collision depends on: (..., COUNT) -> (..., RELATIONS)."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Affine(_offsets)

    def forward(self, f: Tensor) -> Tensor:
        offsets = self.offsets(f)
        once, waves = offsets[..., :5], offsets[..., 5:]
        near = torch.exp(-waves.square().unflatten(-1, (2, 2)).sum(-1))
        return torch.cat([once.tanh(), near, waves.sin(), waves.cos()], -1)


def _offsets(f: Tensor) -> Tensor:
    """From the player's feet and from the rim to the ball, near 1 where they matter, and from
    the board to the ball along x; the first two again in the order of the waves: (..., 9)."""
    player, ball, hoop = places(f)
    board = hoop[..., :1] + f[..., AT["hoop_side"], None] * (RIM_HALF + BOARD_GAP)
    to_hand, to_hoop = (ball - player) * 6, (ball - hoop) * 8
    return torch.cat([to_hand, to_hoop, (ball[..., :1] - board) * 12, to_hoop, to_hand], -1)
