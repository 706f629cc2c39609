"""Where the things on a court are in the picture, as maps of latent cells for convolutions.

Each thing has a smooth window around it. Where a window is, is an affine function of the facts,
and so is all that is drawn under it, so that a few products make all maps of all frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.worlds.court import drawing
from model.worlds.court.facts import AT, Affine, places
from model.worlds.court.physics import FLOOR

_CELLS_PER_HEIGHT = 24
_PLAYER, _BALL, _PLAYER_SHADOW, _BALL_SHADOW, _NET = range(5)  # windows
_WIDE = (0.16, 0.09, 0.12, 0.08, 0.10)  # of each window, in picture heights
_HIGH = (0.22, 0.09, 0.05, 0.05, 0.10)
_WAVES = ((0.5, 0.22, 0.1), (0.3, 0.15, 0.08))  # wavelengths around player and ball
_POSE = ("pvx", "pvy", "gait_sin", "gait_cos", "arms", "facing", "held")
_SHIRTS = tuple(f"shirt_{name}" for name, _ in drawing.SHIRTS)
_SPIN = ("spin_sin", "spin_cos", "held")

# Of one frame: bell, waves and pose of the player, the same of the ball, shadows, net.
_WAVE_MAPS = 4 * len(_WAVES[0])
_BALL_AT = 1 + _WAVE_MAPS + len(_POSE) + len(_SHIRTS)
_REST_AT = _BALL_AT + 1 + _WAVE_MAPS + len(_SPIN)
MAPS = _REST_AT + 4
BODIES = 2


class Maps(nn.Module):
    """Facts (..., COUNT) -> maps (..., MAPS, rows, columns).

    Each cell's offset from player and ball as waves under the window around them, their pose
    under the same window, shadows, and the net's motion around the hoop. It has nothing to learn.
    """

    under: Tensor

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        y = (rows - 0.5 - torch.arange(rows, dtype=torch.float64)) / _CELLS_PER_HEIGHT
        x = (torch.arange(columns, dtype=torch.float64) + 0.5) / _CELLS_PER_HEIGHT

        def offsets(f: Tensor) -> Tensor:
            """Of each cell from each window's middle, along x and then along y."""
            player, ball, hoop = places(f)
            floor = torch.full_like(player[..., 1], FLOOR)
            at_x = torch.stack([t[..., 0] for t in (player, ball, player, ball, hoop)], -1)
            at_y = [player[..., 1] + 0.15, ball[..., 1], floor, floor, hoop[..., 1] - 0.05]
            return torch.cat(
                [x - at_x[..., None], y - torch.stack(at_y, -1)[..., None]], -1
            )  # (..., windows, columns + rows)

        def in_windows(f: Tensor) -> Tensor:
            """The same, 1 at the window's edge."""
            sizes = torch.tensor([_WIDE, _HIGH], dtype=f.dtype).T
            return (offsets(f) / _along(sizes, columns, rows)).flatten(-2)

        def angles(f: Tensor) -> Tensor:
            """The same from player and ball, as the phase of each wave."""
            waves = 2 * math.pi / torch.tensor(_WAVES, dtype=f.dtype)
            return (offsets(f)[..., :BODIES, None, :] * waves[..., None]).flatten(-3)

        self.in_windows, self.angles = Affine(in_windows), Affine(angles)
        self.strengths = Affine(_strengths)
        player = [_PLAYER] * (1 + len(_POSE) + len(_SHIRTS))
        ball = [_BALL] * (1 + len(_SPIN))
        under = torch.tensor([*player, *ball, _PLAYER_SHADOW, _BALL_SHADOW, _NET, _NET])
        self.register_buffer("under", under, persistent=False)  # the window of each strength

    def forward(self, f: Tensor) -> Tensor:
        # An exponent below -20 would make denormal numbers, which slow every later product down.
        fall = self.in_windows(f).square().square().clamp(max=20)
        inside = torch.exp(-fall).unflatten(-1, (5, -1))
        broad, tall = inside.split([self.columns, self.rows], -1)
        bells = tall[..., :, None] * broad[..., None, :]  # (..., windows, rows, columns)
        plain = bells.index_select(-3, self.under) * self.strengths(f)[..., None, None]
        angles = self.angles(f).unflatten(-1, (BODIES, len(_WAVES[0]), -1))
        waves = torch.stack([angles.sin(), angles.cos()], -2)
        x, y = waves.split([self.columns, self.rows], -1)  # (..., BODIES, 3, 2, cells)
        bodies = bells[..., :BODIES, None, None, :, :]
        waving = torch.cat([bodies * x[..., None, :], bodies * y[..., None]], -3)
        player, ball = waving.flatten(-4, -3).unbind(-4)
        bell, pose, ball_bell, rest = plain.split(
            [1, len(_POSE) + len(_SHIRTS), 1, len(_SPIN) + 4], -3
        )
        return torch.cat([bell, player, pose, ball_bell, ball, rest], -3)


def bodies(maps: Tensor) -> Tensor:
    """Where player and ball are: of maps (..., MAPS, rows, columns) BODIES of them."""
    return maps[..., ::_BALL_AT, :, :][..., :BODIES, :, :]


def occupied(maps: Tensor) -> Tensor:
    """How far each cell shows what moves, 0 to 1: (..., MAPS, rows, columns) -> (..., rows,
    columns)."""
    rest = maps[..., _REST_AT:, :, :].abs().amax(-3)
    return torch.maximum(bodies(maps).amax(-3), rest).clamp(max=1)


def _along(sizes: Tensor, columns: int, rows: int) -> Tensor:
    """(windows, 2) of x and y -> (windows, columns + rows)."""
    return sizes.repeat_interleave(torch.tensor([columns, rows]), -1)


def _strengths(f: Tensor) -> Tensor:
    """How strong each map is that is a window and no wave."""

    def pick(names: tuple[str, ...]) -> list[Tensor]:
        return [f[..., AT[name]] for name in names]

    one = torch.ones_like(f[..., 0])
    player = [one, *pick(_POSE), *pick(_SHIRTS)]
    ball = [one, *pick(_SPIN)]
    rest = [1 + f[..., AT["py"]], one, *pick(("net", "net_speed"))]
    return torch.stack([*player, *ball, *rest], -1)
