"""What a step of a world takes by batch size, kept up to date by the steps that are made. Sans-IO.

The first figures are measured when the world opens, on a machine that may be busy then or idle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median

ENOUGH = 100  # steps of one batch size say what it takes; older ones are forgotten
MOST = 8.0  # times the first figure, up or down: more than that is no matter of the machine


class StepTimes:
    """`first_ms` are the first figures, by bucket."""

    def __init__(self, first_ms: Mapping[int, float]) -> None:
        self._first_ms = dict(first_ms)
        self._recent_ms: dict[int, deque[float]] = {
            bucket: deque(maxlen=ENOUGH) for bucket in first_ms
        }

    def record(self, bucket: int, took_s: float) -> None:
        """Of a step of a whole chunk with the default number of denoising steps."""
        self._recent_ms[bucket].append(1000 * took_s)

    def step_ms(self) -> dict[int, float]:
        """The median of the last steps by bucket. A bucket with few steps has its first figure,
        changed as that of the nearest bucket with enough has."""
        changed = {
            bucket: self._bounded(median(recent) / self._first_ms[bucket])
            for bucket, recent in self._recent_ms.items()
            if len(recent) == ENOUGH
        }
        if not changed:
            return dict(self._first_ms)
        return {
            bucket: first * changed[min(changed, key=lambda known: abs(known - bucket))]
            for bucket, first in self._first_ms.items()
        }

    def _bounded(self, change: float) -> float:
        return min(max(change, 1 / MOST), MOST)
