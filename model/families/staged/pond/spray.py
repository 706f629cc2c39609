"""The drops of a splash, each on its parabola."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.basin import LEVEL
from lightcone.model.families.staged.pond.constants import GRAVITY

DROPS = 9


def drops(x: Tensor, speed: Tensor, age: Tensor) -> tuple[Tensor, Tensor]:
    """Where they are `age` seconds after something fell in at `x` with `speed`, all (..., 1): x
    and y, (..., DROPS)."""
    across, throw, fall = spread()
    ahead, rise = pace(speed)
    along = x + age * ahead * across.to(x.device)
    return along, LEVEL + age * rise * throw.to(x.device) + fall * age.square()


def pace(speed: Tensor) -> tuple[Tensor, Tensor]:
    """How fast the outermost drop goes aside and the middle ones up, whatever fell in."""
    return 0.5 + speed, 0.25 + 0.75 * speed


def spread() -> tuple[Tensor, Tensor, float]:
    """Each drop's share of that along x and up, (DROPS,) each, and how all fall."""
    number = torch.arange(DROPS)
    across = (number - (DROPS - 1) / 2) / (DROPS / 2)  # -1 to 1
    throw = (0.75 + 0.35 * torch.sin(5.3 * number)) * (1 - 0.35 * across.square())
    return 0.35 * across, throw, -0.5 * GRAVITY
