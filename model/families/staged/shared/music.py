"""How fast the music of all worlds goes."""

from __future__ import annotations

from torch import Tensor

SLOWEST, FASTEST = 1.2, 2.4  # beats per second
BEATS = 8  # after which the melody repeats


def tempo(drive: Tensor) -> Tensor:
    """Beats per second, of how lively the music is, 0 to 1."""
    return SLOWEST + (FASTEST - SLOWEST) * drive
