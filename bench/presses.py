"""When to press what: random phases against chunks, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MEAN_INTERVAL_S = 1 / 3
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.06, 0.12


@dataclass(frozen=True)
class Press:
    """`after` seconds since the press before (or the start), `control` goes down for `hold`
    seconds; between a release and the next press there is more than a chunk of 83 ms."""

    after: float
    hold: float
    control: str


def presses(count: int, controls: Sequence[str], seed: int) -> list[Press]:
    """About three a second; the intervals vary by far more than a chunk, so that every phase
    against the chunks is equally likely."""
    random = np.random.default_rng(seed)
    return [
        Press(
            after=float(random.uniform(0.7, 1.3)) * MEAN_INTERVAL_S,
            hold=float(random.uniform(SHORTEST_HOLD_S, LONGEST_HOLD_S)),
            control=controls[i % len(controls)],
        )
        for i in range(count)
    ]
