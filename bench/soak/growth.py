"""What grew between counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightcone.bench.statistics import slope

WITHIN = 0.02  # of memory: as much is no growth
NO_MORE = 1.0  # of whatever is counted one by one: one more is none left over each time
ALLOCATOR_MB = 2.0  # of memory in a small process: pages that the allocator keeps


@dataclass(frozen=True)
class Growth:
    """From the median of the first third of the counts to that of the last one; `per_hour` is the
    slope of a straight line through all. `grew` says whether it is more than noise."""

    first: float
    last: float
    share: float
    per_hour: float
    grew: bool


def growth(name: str, hours: Sequence[float], values: Sequence[float]) -> Growth:
    """Of one thing that was counted two times at least, at rising times."""
    third = max(len(values) // 3, 1)
    first, last = float(np.median(values[:third])), float(np.median(values[-third:]))
    more = last - first
    if name.endswith("memory_mb"):
        grew = more > max(WITHIN * first, ALLOCATOR_MB)
    else:
        grew = more > NO_MORE
    return Growth(
        first=round(first, 2),
        last=round(last, 2),
        share=round(more / first, 4) if first else 0.0,
        per_hour=round(slope(hours, values), 3),
        grew=grew,
    )


def sentence(found: Mapping[str, Growth], hours: float, done: str) -> str:
    """In plain words."""
    memory = [
        f"{name.removesuffix(' memory_mb')} {each.first:g} to {each.last:g} MB ({each.share:+.1%})"
        for name, each in found.items()
        if name.endswith("memory_mb")
    ]
    grown = [
        f"{name.replace('_mb', '')} by {each.last - each.first:g} ({each.per_hour:+g} an hour)"
        for name, each in found.items()
        if each.grew
    ]
    what = f"grew: {'; '.join(grown)}" if grown else "nothing grew"
    return f"after {done} in {60 * hours:.1f} min, {what}. Memory: {', '.join(memory)}."
