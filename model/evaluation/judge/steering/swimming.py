"""Somebody swims in the pond: where he is in each frame, in picture heights.

Waves and wind carry the board, and with it whoever stands on it. How far a swimmer gets follows
from the keys alone, apart from banks and from what he did before he was in the water. So several
worlds are played by the same keys, and those stretches count over which all that swim agree. In
pictures, those are left out in which he is seen out of the water, or at a bank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.senses.things import Spotter
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.steering.holds import NEAR, Seen, Steered
from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, RIGHT
from lightcone.model.families.staged.pond.facts import ALONG, LEAN
from lightcone.model.families.staged.reading.readable import BODY_MIDDLE
from lightcone.model.interface import Actions, WorldInfo

_WORLDS = 8
_AGREE = 3  # worlds in which he swims, at least
_WITHIN = 0.05  # of how far he gets, by which they may differ
_FAR = 0.15  # picture heights of a stretch: 10 % of them are more than a reader is off by
_SHORTEST, _LONGEST = 8, 32  # frames of a stretch
_SWUM = 36  # frames after which it no longer matters how he came into the water
_CLIMBS = 4  # frames from the start of a climb until it is seen
_BANKS = LEFT + 0.04, RIGHT - 0.04  # between which the person stays
_AT_BANK = 0.005
_WATER = LEVEL + 0.04  # where the middle of a swimmer is below
_REST = 12  # frames
_DRIFT = 0.005  # picture heights that he may go in a rest
_SPEED = 0.44  # picture heights a second of a steady swimmer


@dataclass(frozen=True)
class Due:
    """Stretches in which he gets somewhere, with how far to the right of where he was before he is
    in that frame and in each of the stretch (frames + 1,), and rests."""

    goes: list[tuple[int, int, NDArray[np.float32]]]
    rests: list[tuple[int, int]]


class Swimming:
    def __init__(self, spotter: Spotter, truth: SimulatorTruth) -> None:
        self._spotter, self._truth = spotter, truth

    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        """x and y of his middle, (F, 2)."""
        return np.stack(self._spotter.player(frames, text), 1)

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        due = self.due(actions)
        full = _SPEED * _REST / info.fps
        return Steered(
            [
                ratio(seen[a - 1 : b, 0], path)
                for a, b, path in due.goes
                if self._counts(seen, a, b, float(path[-1]))
            ],
            [
                abs(float(seen[b - 1, 0] - seen[a - 1, 0])) <= NEAR * full
                for a, b in due.rests
                if self._counts(seen, a, b, 0.0)
            ],
        )

    def _counts(self, seen: Seen, start: int, stop: int, far: float) -> bool:
        """Whether he is seen in the water all the time, with room to swim. Where nobody is seen at
        all, it counts."""
        x, y = seen[start - _SWUM : stop + _CLIMBS].T
        if (y > _WATER).any() or (x < _BANKS[0]).any() or (x > _BANKS[1]).any():
            return False
        ends = seen[start - 1, 0] + far * (1 + 2 * NEAR)
        return not (ends < _BANKS[0] or ends > _BANKS[1])

    def due(self, actions: Actions) -> Due:
        """By the simulator."""
        numbers = self._truth.together(actions, _WORLDS)

        def number(name: str) -> NDArray[np.float32]:
            return numbers[..., self._truth.names.index(name)]  # (worlds, F)

        feet = ALONG * (1 + number("px"))
        place = feet + BODY_MIDDLE * np.sin(LEAN * number("lean"))
        bank = (feet < _BANKS[0] + _AT_BANK) | (feet > _BANKS[1] - _AT_BANK)
        apart = bank | (number("aboard") > 0) | (number("wet") < 0)
        return stretches(place, apart)


def stretches(places: NDArray[np.float32], apart: NDArray[np.bool_]) -> Due:
    """Of several worlds (worlds, F): where he is along x, and whether he does not swim, or is at a
    bank."""
    count = places.shape[1]
    frame = np.arange(count)
    swum = frame - np.maximum.accumulate(np.where(apart, frame, 0), 1)
    due = Due([], [])
    start = 1
    while start + _SHORTEST <= count:
        stop = start
        for stop in range(start + _SHORTEST, min(start + _LONGEST, count) + 1):
            there = swum[:, stop - 1] >= _SWUM + stop - start
            if there.sum() < _AGREE:
                stop = start
                break
            paths = places[there, start - 1 : stop] - places[there, start - 1 : start]
            path, gone = np.median(paths, 0), paths[:, -1]
            far = abs(path[-1])
            if far >= _FAR and np.abs(gone - path[-1]).max() <= _WITHIN * far:
                due.goes.append((start, stop, path))
                break
            if stop - start == _REST and np.abs(gone).max() <= _DRIFT:
                due.rests.append((start, stop))
                break
        else:
            stop = start
        start = max(stop, start + 1)
    return due


def ratio(places: Seen, path: NDArray[np.float32]) -> float:
    """How far he got over how far he was to get, by least squares over all frames in which he is
    seen: a reader is off by less on average than in two. NaN where that is not in half of them."""
    known = np.isfinite(places)
    if 2 * known.sum() < len(places):
        return math.nan
    off = path[known] - path[known].mean()
    return float(places[known] @ off / (off @ off))
