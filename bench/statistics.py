"""Distributions, how sure they are, and slopes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50, 95, 99)
RESAMPLES = 2000
SURE = (2.5, 97.5)  # percentiles of the resamples: an interval of 95 %
SEED = 0  # the same values have the same interval


@dataclass(frozen=True)
class Spread:
    """Percentiles of `n` values, linearly interpolated between neighbours; `intervals` of 95 %
    by the bootstrap, under the percentiles' names."""

    p50: float
    p95: float
    p99: float
    n: int
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"p50 {self.p50:g}  p95 {self.p95:g}  p99 {self.p99:g}  (n {self.n})"


def spread(values: Sequence[float], digits: int = 1) -> Spread | None:
    """None where there are no values: no figure is better than a made-up one."""
    if not values:
        return None
    p50, p95, p99 = (round(float(p), digits) for p in np.percentile(values, PERCENTILES))
    random = np.random.default_rng(SEED)
    intervals = {f"p{p}": interval(resampled(values, p, random), digits) for p in PERCENTILES}
    return Spread(p50, p95, p99, len(values), intervals)


def resampled(
    values: Sequence[float], percentile: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """The percentile of each of RESAMPLES samples of as many values, drawn with replacement
    (Efron's bootstrap): (RESAMPLES,).

    The values themselves need not be drawn: of n uniform draws the k-th smallest is distributed as
    Beta(k, n - k + 1), and the next one follows from the rest of the way to 1.
    """
    ordered = np.sort(np.asarray(values, float))
    n = len(ordered)
    place = (n - 1) * percentile / 100
    k = int(place) + 1
    lower = random.beta(k, n - k + 1, RESAMPLES)
    upper = lower + (1 - lower) * random.beta(1, max(n - k, 1), RESAMPLES) if k < n else lower
    low, high = (ordered[np.minimum((n * u).astype(int), n - 1)] for u in (lower, upper))
    return np.asarray(low + (place - int(place)) * (high - low))


def interval(resamples: NDArray[np.float64], digits: int = 1) -> tuple[float, float]:
    """That 95 % of the resamples are in."""
    low, high = np.percentile(resamples, SURE)
    return round(float(low), digits), round(float(high), digits)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the straight line through the points with the least squares; two different x at least."""
    dx = np.asarray(x, float) - np.mean(x)
    dy = np.asarray(y, float) - np.mean(y)
    return float(dx @ dy / (dx @ dx))
