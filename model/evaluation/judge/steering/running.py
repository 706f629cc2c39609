"""A player runs along a court: his place along x in each frame, in picture heights."""

from __future__ import annotations

import numpy as np

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.senses.things import Spotter
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.steering.holds import (
    NEAR,
    Seen,
    Steered,
    holds,
    keys,
    lately,
    rests,
)
from lightcone.model.families.staged.court.constants import PLAYER_MARGIN, RUN_SPEED, WIDTH
from lightcone.model.families.staged.court.facts import ALONG
from lightcone.model.interface import Actions, WorldInfo


class Running:
    """How far he goes the simulator says, under the same keys: apart from walls and from where he
    is, that follows from them alone. So several worlds are played by them, and those count in which
    he is at no wall. In pictures, holds for which there was too little room are left out.
    """

    _HELD = 10  # frames of a hold: 10 % of them are more than a reader is off by
    _UNKNOWN = 30  # frames until what was held before no longer matters: a jump takes 22
    _STOPS = 8  # frames in which a runner stops
    _WORLDS = 8
    _WALL = 8  # frames after a wall in which a runner is not at his speed yet
    _AT_WALL = 0.02  # picture heights

    def __init__(self, spotter: Spotter, truth: SimulatorTruth) -> None:
        self._spotter, self._truth = spotter, truth

    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        return self._spotter.player(frames, text)[0]

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        left, right = keys(actions, info, "left", "right")
        due = self.due(actions)
        ratios: list[float] = []
        for start, stop, side in holds(left, right):
            far = -side * float(due[start:stop].sum())  # to the side of the key
            if start < self._UNKNOWN or stop - start < self._HELD or not far > 0:
                continue
            begun, ended = float(seen[start - 1]), float(seen[stop - 1])
            wall = PLAYER_MARGIN if side > 0 else WIDTH - PLAYER_MARGIN
            little = abs(wall - begun) < far * (1 + 2 * NEAR)
            if not little and not self._stopped(seen[start - self._WALL : start]):
                ratios.append(-side * (ended - begun) / far)
        still: list[bool] = []
        for start, stop in rests(left, right, self._HELD + self._STOPS):
            if start >= self._UNKNOWN:
                first = start + self._STOPS
                full = RUN_SPEED / info.fps * (stop - first)
                still.append(abs(float(seen[stop - 1] - seen[first - 1])) <= NEAR * full)
        return Steered(ratios, still)

    def _stopped(self, places: Seen) -> bool:
        """Whether he was at a wall, which takes away the speed that keys give."""
        off = np.abs(places - WIDTH / 2)
        return bool((off > WIDTH / 2 - PLAYER_MARGIN - self._AT_WALL).any())

    def due(self, actions: Actions) -> Seen:
        """How far the simulator's player goes to the right in each frame, (F,), NaN where he is at
        a wall in all worlds."""
        numbers = self._truth.together(actions, self._WORLDS)
        place = ALONG * (1 + numbers[..., self._truth.names.index("player_x")])  # (worlds, F)
        wall = np.abs(place - WIDTH / 2) > WIDTH / 2 - PLAYER_MARGIN - 0.001
        wall = lately(wall, self._WALL - 1)
        gone = np.diff(place, axis=1, prepend=place[:, :1])
        gone[wall] = np.nan
        free = ~wall.all(0)
        out = np.full(len(actions), np.nan, np.float32)
        out[free] = np.nanmedian(gone[:, free], 0)
        return out
