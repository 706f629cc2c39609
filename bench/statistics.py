"""Distributions and slopes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Percentiles of `n` values, linearly interpolated between neighbours."""

    p50: float
    p95: float
    p99: float
    n: int

    def __str__(self) -> str:
        return f"p50 {self.p50:g}  p95 {self.p95:g}  p99 {self.p99:g}  (n {self.n})"


def spread(values: Sequence[float], digits: int = 1) -> Spread | None:
    """None where there are no values: no figure is better than a made-up one."""
    if not values:
        return None
    p50, p95, p99 = (round(float(p), digits) for p in np.percentile(values, (50, 95, 99)))
    return Spread(p50, p95, p99, len(values))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the straight line through the points with the least squares; two different x at least."""
    dx = np.asarray(x, float) - np.mean(x)
    dy = np.asarray(y, float) - np.mean(y)
    return float(dx @ dy / (dx @ dx))
