"""What a session gives up when its chunks come too late: denoising steps first, then frames a
second, and at last the claim to be in time. Sans-IO: times are monotonic seconds, given by the
caller.

A chunk that is late holds the clock, so that delay never grows; this makes holds rare.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

RATES = (Fraction(3, 4), Fraction(1, 2), Fraction(1, 3), Fraction(1, 4))
EVIDENCE_S = 2.0  # late chunks count for so long
LATE_CHUNKS = 3  # of them are evidence
CALM_S = 5.0  # without a late chunk, before more is tried
MOST_CALM_S = 80.0  # the same after attempts that have failed
ROOM = 0.85  # of the thread's time may be needed at what is tried
BUSY = 0.75  # a chunk that is late while the thread is less busy was started too late: the pacer
# learns from it, and less work would not help


@dataclass(frozen=True)
class Rung:
    """Denoising steps, and the share of the full frame rate."""

    steps: int
    rate: Fraction


@dataclass(frozen=True)
class Standing:
    """Where a session stands; `overloaded` where even the last rung does not hold."""

    rung: Rung
    overloaded: bool


LevelName = Literal["full", "fewer_steps", "lower_rate", "overloaded"]


def level_of(steps: int, full_steps: int, rate: float, overloaded: bool) -> LevelName:
    """A standing in a word."""
    if overloaded:
        return "overloaded"
    if rate < 1:
        return "lower_rate"
    return "fewer_steps" if steps < full_steps else "full"


class Degradation:
    """The ladder of one session, or of several that are always stepped together.

    `steps` are the numbers of denoising steps of the model, the default first, then fewer;
    `min_rate` is the lowest share of the frame rate.
    """

    def __init__(self, steps: Sequence[int], min_rate: float) -> None:
        fewest = steps[-1]
        self._rungs = [Rung(number, Fraction(1)) for number in steps]
        self._rungs += [Rung(fewest, rate) for rate in RATES if rate >= min_rate]
        self._at = 0
        self._overloaded = False
        self._late: deque[float] = deque()  # moments of late chunks
        self._calm_since: float | None = None
        self._calm_s = CALM_S
        self._tried: float | None = None  # when it last went up

    @property
    def standing(self) -> Standing:
        return Standing(self._rungs[self._at], self._overloaded)

    def observe(self, now: float, *, late: bool, load: float) -> bool:
        """A chunk was delivered now, late or not, while the thread was busy for `load` of the time
        of late. Whether the standing changes with it."""
        before = self.standing
        if self._calm_since is None:
            self._calm_since = now
        if late:
            self._calm_since = now
            if load >= BUSY:
                self._late.append(now)
        while self._late and self._late[0] <= now - EVIDENCE_S:
            self._late.popleft()
        if len(self._late) >= LATE_CHUNKS:
            self._down(now)
        elif now - self._calm_since >= self._calm_s:
            self._up(now, load)
        return self.standing != before

    def _down(self, now: float) -> None:
        if self._tried is not None:  # what was tried does not hold: wait longer with the next
            soon = now - self._tried < 2 * CALM_S
            self._calm_s = min(2 * self._calm_s, MOST_CALM_S) if soon else CALM_S
            self._tried = None
        if self._at + 1 < len(self._rungs):
            self._at += 1
        else:
            self._overloaded = True
        self._late.clear()
        self._calm_since = now

    def _up(self, now: float, load: float) -> None:
        if self._overloaded:
            self._overloaded = False
        elif self._at and load * self._more(self._at - 1) <= ROOM:
            self._at -= 1
            self._tried = now
        else:
            return
        self._calm_since = now

    def _more(self, rung: int) -> float:
        """How many times the work of the present rung another one is, at most."""
        here, there = self._rungs[self._at], self._rungs[rung]
        return there.steps / here.steps * float(there.rate / here.rate)
