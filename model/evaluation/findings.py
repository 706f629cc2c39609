"""What judging a world comes to: figures against what is wanted, curves, and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Figure:
    """One measured number. `wanted` is reached from below, or from above where less is better;
    `trivial` is what an answer without content gets, by its name; `ceiling` is what the
    simulator's own pictures and sound get from the same judge."""

    name: str
    value: float
    unit: str = ""
    wanted: float | None = None
    less: bool = False
    trivial: Mapping[str, float] = field(default_factory=dict)
    ceiling: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """None where nothing is wanted."""
        if self.wanted is None:
            return None
        if not math.isfinite(self.value):
            return False
        return self.value <= self.wanted if self.less else self.value >= self.wanted


@dataclass(frozen=True)
class Curve:
    """Lines over a common axis."""

    name: str
    along: str
    up: str
    x: tuple[float, ...]
    lines: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Sheet:
    """Rows of pictures (N, 3, H, W) uint8, each row under a caption; columns are moments."""

    name: str
    rows: Mapping[str, Tensor]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    figures: tuple[Figure, ...] = ()
    curves: tuple[Curve, ...] = ()
    sheets: tuple[Sheet, ...] = ()

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.figures + other.figures, self.curves + other.curves, self.sheets + other.sheets
        )
