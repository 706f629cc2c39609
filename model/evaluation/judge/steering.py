"""Does what is steered move as far as the truth moves it? A view that turns, or a player who runs,
found in pictures, over holds of two opposite keys."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.senses.things import Spotter
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.families.staged.court.constants import PLAYER_MARGIN, RUN_SPEED, WIDTH
from lightcone.model.families.staged.court.facts import ALONG
from lightcone.model.interface import Actions, WorldInfo

NEAR = 0.10  # of what the truth moves
Seen = NDArray[np.float32]


@dataclass(frozen=True)
class Steered:
    """`ratios`: of each hold, how far it went over how far the truth goes. `still`: of each rest,
    whether it moved less than 10 % of what it would at full rate."""

    ratios: list[float]
    still: list[bool]


class Steering(Protocol):
    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        """What is seen of each of the frames (F,); `before` is the frame before them."""
        ...

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        """All that was seen, one look after the other, and what was held."""
        ...


class Turning:
    """The view turns: degrees of each frame. `rates` are those of the game, of the k-th frame for
    which a key is held."""

    _HELD = 6  # frames of a hold or a rest, at least

    def __init__(self, meter: TurnMeter, rates: NDArray[np.float64]) -> None:
        self._meter, self._rates = meter, rates

    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        joined = frames if before is None else np.concatenate([before, frames])
        return self._meter.turns(joined)[-len(frames) :]

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        left, right = keys(actions, info, "turn_left", "turn_right")
        counts = held_for(left, right)
        ratios: list[float] = []
        for start, stop, side in holds(left, right):
            if stop - start >= self._HELD and start > 0:
                due = turned(self._rates, counts[start:stop])
                ratios.append(side * float(seen[start:stop].sum()) / due)
        still: list[bool] = []
        for start, stop in rests(left, right, self._HELD):
            if start > 0:
                full = turned(self._rates, np.arange(1, stop - start + 1))
                still.append(abs(float(seen[start:stop].sum())) <= NEAR * full)
        return Steered(ratios, still)


class Running:
    """A player runs along a court: his place along x in each frame, in picture heights.

    How far he goes the simulator says, under the same keys: apart from walls and from where he
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
        self._due: tuple[bytes, Seen] = b"", np.zeros(0, np.float32)

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
        key = actions.tobytes()
        if self._due[0] != key:
            numbers = self._truth.together(actions, self._WORLDS)
            place = ALONG * (1 + numbers[..., self._truth.names.index("player_x")])  # (worlds, F)
            wall = np.abs(place - WIDTH / 2) > WIDTH / 2 - PLAYER_MARGIN - 0.001
            for worlds in wall:
                for frame in np.flatnonzero(worlds):
                    worlds[frame : frame + self._WALL] = True
            gone = np.diff(place, axis=1, prepend=place[:, :1])
            gone[wall] = np.nan
            free = ~wall.all(0)
            out = np.full(len(actions), np.nan, np.float32)
            out[free] = np.nanmedian(gone[:, free], 0)
            self._due = key, out
        return self._due[1]


def keys(
    actions: Actions, info: WorldInfo, left: str, right: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of two keys is held, (F,)."""
    names = [each.name for each in info.buttons]
    return actions[:, names.index(left)] > 0.5, actions[:, names.index(right)] > 0.5


def turned(rates: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Degrees that the game turns in frames in which a key has been held for so many frames."""
    return float(rates[np.minimum(counts - 1, len(rates) - 1)].sum())


def held_for(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For how many frames, with this one, either key was held: (F,)."""
    out = np.zeros(len(left), np.int64)
    for frame in range(len(left)):
        if left[frame] or right[frame]:
            out[frame] = 1 + (out[frame - 1] if frame else 0)
    return out


def holds(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Spans in which exactly one of the two keys is held: first frame, the frame after the last,
    and 1 for left or -1 for right."""
    side = left.astype(int) - right.astype(int)
    edges = [0, *(np.flatnonzero(np.diff(side)) + 1).tolist(), len(side)]
    return [(a, b, int(side[a])) for a, b in pairwise(edges) if side[a:b].any()]


def rests(left: NDArray[np.bool_], right: NDArray[np.bool_], frames: int) -> list[tuple[int, int]]:
    """Spans of at least so many frames in which neither key is held."""
    idle = ~(left | right)
    edges = [0, *(np.flatnonzero(np.diff(idle.astype(int))) + 1).tolist(), len(idle)]
    return [(a, b) for a, b in pairwise(edges) if idle[a] and b - a >= frames]
