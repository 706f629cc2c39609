"""Where the pond's water is: between two banks, in equal columns. Lengths are in picture
heights."""

from __future__ import annotations

import torch
from torch import Tensor

WIDTH = 4 / 3
LEFT, RIGHT = 0.09, WIDTH - 0.09  # the banks
LEVEL = 0.36  # mean height of the surface in the picture
SHORE = LEVEL + 0.055  # height of the banks
COLUMNS = 64
SPACING = (RIGHT - LEFT) / COLUMNS

# Wavelength and level of what wind blows up.
RIPPLES = ((0.25, 0.9), (0.125, 0.6), (0.25 / 3, 0.4))


def middles(device: torch.device) -> Tensor:
    """Where the columns are: (COLUMNS,)."""
    return LEFT + SPACING * (torch.arange(COLUMNS, device=device) + 0.5)
