"""What things on the pond have to do with each other: how far apart they are, how deep in the
water, and where on the water they are. Nothing here is learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.pond.basin import COLUMNS, LEFT, RIGHT, SPACING
from lightcone.model.families.staged.pond.constants import BOARD_HALF, BOARD_THICK
from lightcone.model.families.staged.pond.facts import (
    ALONG,
    AT,
    BOARD_Y,
    COUNT,
    FIELD,
    LEAN,
    PERSON_Y,
    SURFACE,
    TILT,
)
from lightcone.model.families.staged.shared.affine import Affine

BLADE = 0.07  # how far before the person the paddle dips
# Where the water is read: under and beside the board, and where the person is; how widely.
_BOARD_AT = (-1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2)
_PERSON_AT = (-0.05, 0.05, 0.0)
_READ_WIDTH = 0.025
READS = len(_BOARD_AT) + len(_PERSON_AT)
# Windows on the water where something presses on it: the board, its surroundings and its ends,
# the person and the blade.
_BELL_WIDTHS = (BOARD_HALF, 1.5 * BOARD_HALF, 0.03, 0.03, 0.05, 0.035)
BELLS = len(_BELL_WIDTHS)
DISTANCES = 16
_DEEP = (0.2, 0.05, 0.012)  # what depth of the person's feet is 1


@dataclass(frozen=True)
class Related:
    read: Tensor  # (B, 2, READS) the water's height and speed, summed under windows
    distances: Tensor  # (B, DISTANCES) within [-1, 1]
    bells: Tensor  # (B, COLUMNS, BELLS) windows on the water
    ramps: Tensor  # (B, COLUMNS, BELLS) the same times the way from their middles


class Relations(nn.Module):
    """Facts (B, COUNT) -> Related."""

    grid: Tensor
    levels: Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = torch.tensor([*[_READ_WIDTH] * READS, *_BELL_WIDTHS], dtype=torch.float64)
        x = basin.middles(torch.device("cpu")).double()[:, None]
        self.parts = (READS + BELLS, DISTANCES)
        self.affine = Affine(lambda f: torch.cat([_middles(f) / widths, _distances(f)], -1), COUNT)
        levels = torch.zeros(DISTANCES)
        columns = _READ_WIDTH * math.sqrt(math.pi) / SPACING  # under a window
        levels[: len(_DEEP)] = torch.tensor([-SURFACE / columns / deep for deep in _DEEP])
        self.register_buffer("grid", (x / widths).float(), persistent=False)
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, f: Tensor) -> Related:
        middles, distances = self.affine(f).split(self.parts, 1)
        offsets = self.grid - middles[:, None]
        # An exponent below -20 would make denormal numbers, which slow every later product.
        windows = offsets.square().clamp(max=20).neg().exp()
        field = f[:, FIELD].view(-1, 2, COLUMNS)
        reads, bells = windows.split([READS, BELLS], 2)
        read = torch.bmm(field, reads)
        distances = torch.addcmul(distances, read[:, 0, -1:], self.levels).tanh()
        ramps = bells * offsets[:, :, READS:]
        return Related(read, distances, bells, ramps)


def ripple_basis() -> Tensor:
    """Cosine and sine of each ripple along the water: (COLUMNS, waves, 2)."""
    x = basin.middles(torch.device("cpu"))
    angles = torch.stack([2 * math.pi * x / wavelength for wavelength, _ in basin.RIPPLES], 1)
    return torch.stack([-angles.cos(), angles.sin()], 2)


def _middles(f: Tensor) -> Tensor:
    """Of the windows along x: (..., READS + BELLS)."""
    board, person = _along(f, "bx"), _along(f, "px")
    blade = person + BLADE * f[..., AT["facing"]]
    reads = [board + a * BOARD_HALF for a in _BOARD_AT] + [person + a for a in _PERSON_AT]
    bells = [board, board, board - BOARD_HALF, board + BOARD_HALF, person, blade]
    return torch.stack([*reads, *bells], -1)


def _distances(f: Tensor) -> Tensor:
    """Near 1 where they decide what happens; the first ones are from the water's mean level."""
    board, person, splash = (_along(f, name) for name in ("bx", "px", "splash_x"))
    gap, feet = person - board, f[..., AT["py"]] * PERSON_Y
    above = feet - f[..., AT["by"]] * BOARD_Y - BOARD_THICK / 2
    low, high = LEFT + BOARD_HALF, RIGHT - BOARD_HALF
    rows = [
        *(feet / deep for deep in _DEEP),
        gap / BOARD_HALF,
        gap / 0.03,
        (gap - 0.23) / 0.03,  # from where one can climb
        (gap + 0.23) / 0.03,
        above / 0.15,
        above / 0.02,
        (board - low) / 0.03,
        (board - high) / 0.03,
        (person - LEFT - 0.04) / 0.03,
        (person - RIGHT + 0.04) / 0.03,
        (person - splash) / 0.1,
        f[..., AT["lean"]] * LEAN / 0.1,
        f[..., AT["tilt"]] * TILT / 0.02,
    ]
    return torch.stack(rows, -1)


def _along(f: Tensor, name: str) -> Tensor:
    return (f[..., AT[name]] + 1) * ALONG
