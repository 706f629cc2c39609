"""Sums and weights of what was measured, by who answered and by measure: they add up over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


class Tally:
    """Who answered is "model", "truth" and "codec" (the truth through the judge, and through the
    model's codecs), "game" (what labels say), or a trivial answer."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, tuple[float, float]]] = {}

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(self._of)

    def add(self, answer: str, measure: str, total: float, weight: float = 1.0) -> None:
        """`total` is a sum over `weight` things; what could not be measured (NaN) is left out."""
        if weight > 0 and math.isfinite(total):
            of = self._of.setdefault(answer, {})
            before = of.get(measure, (0.0, 0.0))
            of[measure] = (before[0] + float(total), before[1] + float(weight))

    def mean(self, answer: str, measure: str) -> float:
        """NaN where nothing was measured."""
        total, weight = self._of.get(answer, {}).get(measure, (0.0, 0.0))
        return total / weight if weight else math.nan

    def weight(self, answer: str, measure: str) -> float:
        return self._of.get(answer, {}).get(measure, (0.0, 0.0))[1]

    def as_data(self) -> dict[str, Any]:
        return {
            answer: {measure: list(pair) for measure, pair in of.items()}
            for answer, of in self._of.items()
        }

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> Tally:
        tally = cls()
        for answer, of in data.items():
            for measure, (total, weight) in of.items():
                tally.add(answer, measure, total, weight)
        return tally


def added(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for answer, of in tally.as_data().items():
            for measure, (value, weight) in of.items():
                total.add(answer, measure, value, weight)
    return total
