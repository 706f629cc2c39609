"""The view turns: degrees of each frame, measured in pictures, over those that are due."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.steering.holds import (
    NEAR,
    Seen,
    Steered,
    held_for,
    holds,
    keys,
    lately,
    rests,
    spans_of,
)
from lightcone.model.evaluation.judge.truth import Played
from lightcone.model.families.staged.corridors.constants import TURN_SPEED
from lightcone.model.families.staged.corridors.rays import VIEW
from lightcone.model.interface import Actions, WorldInfo

TURNS = LEFT, RIGHT = "turn_left", "turn_right"
WALKING = ("forward", "back", "strafe_left", "strafe_right")
_HELD = 6  # frames of a hold or a rest, at least
_STEADY = 16  # frames after which a held key turns at its full rate

# Of the corridors:
_SETTLED = 4  # frames after which somebody stands
_ANSWER = 24  # frames in which all of an answer to a key has come
_BEGUN = 8  # frames until what was held before no longer matters
_FASTEST = 12.0  # degrees a frame that are measured well
_SLOWEST = 0.5  # degrees a frame of a hold
_FAR = 15.0  # degrees of a hold, at least
_NONE = 0.05  # degrees a frame of a rest, at most


@dataclass(frozen=True)
class Due:
    """What is to turn: degrees to the left of each frame (F,), the spans over which that is judged,
    and those of rest, with the degrees that they would have at full rate."""

    turns: NDArray[np.float64]
    holds: Sequence[tuple[int, int]]
    rests: Sequence[tuple[int, int, float]]


class Turning:
    def __init__(self, meter: TurnMeter, due: Callable[[Actions, WorldInfo], Due]) -> None:
        self._meter, self._due = meter, due

    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        joined = frames if before is None else np.concatenate([before, frames])
        return self._meter.turns(joined)[-len(frames) :]

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        due = self._due(actions, info)
        return Steered(
            [float(seen[a:b].sum() / due.turns[a:b].sum()) for a, b in due.holds],
            [abs(float(seen[a:b].sum())) <= NEAR * full for a, b, full in due.rests],
        )


def game_law(rates: NDArray[np.float64]) -> Callable[[Actions, WorldInfo], Due]:
    """`rates` are those of the game, of the k-th frame for which a key is held."""

    def due(actions: Actions, info: WorldInfo) -> Due:
        left, right = keys(actions, info, LEFT, RIGHT)
        rate = rates[np.minimum(np.maximum(held_for(left, right), 1), len(rates)) - 1]
        full = np.cumsum(rates[np.minimum(np.arange(len(actions)), len(rates) - 1)])
        return Due(
            turns=rate * (left.astype(int) - right),
            holds=[(a, b) for a, b, _ in holds(left, right) if b - a >= _HELD and a > 0],
            rests=[(a, b, full[b - a - 1]) for a, b in rests(left, right, _HELD) if a > 0],
        )

    return due


def game_rates(plays: Sequence[Played]) -> NDArray[np.float64] | None:
    """Degrees that the view turns in the first, second, ... frame for which either key, or one
    after the other, is held, by the game's own angle; the last repeats. None where nothing
    turns."""
    names = {each.name for each in plays[0].info.buttons}
    if "angle" not in plays[0].names or not {LEFT, RIGHT} <= names:
        return None
    by_count: list[list[float]] = [[] for _ in range(_STEADY)]
    for played in plays:
        angle = played.number("angle").astype(np.float64)
        turned = (np.diff(angle) + 180) % 360 - 180
        left, right = played.held(LEFT), played.held(RIGHT)
        counts = held_for(left, right)
        for start, stop, side in holds(left, right):
            for frame in range(max(start, 1), stop):
                count = min(int(counts[frame]) - 1, _STEADY - 1)
                by_count[count].append(side * turned[frame - 1])
    known = [float(np.median(each)) for each in by_count if len(each) >= 3]
    return np.array(known) if known and max(known) > 0 else None


def corridors_meter(width: int, height: int) -> TurnMeter:
    """Of pictures in which nothing moves with the eye, at zoom 1."""
    return TurnMeter(
        width, height, view=2 * math.degrees(math.atan(VIEW)), hidden=(0, 0, 0, 0), reach=14.0
    )


def corridors_law(truth: SimulatorTruth) -> Callable[[Actions, WorldInfo], Due]:
    """By two keys and an axis. The simulator turns in proportion to what is asked for, so its
    answer to a key held for one frame gives those to all else. Whoever walks sees things pass as
    if he turned: spans in which somebody walks, or has just stopped, are left out."""
    info = truth.info
    names = [each.name for each in info.buttons]
    pressed = np.zeros((_ANSWER + 1, info.controls), np.float32)
    pressed[1, names.index(LEFT)] = 1
    [numbers] = truth.together(pressed, 1)
    answer = np.diff(to_the_left(numbers, truth.names))
    full = math.degrees(TURN_SPEED) / info.fps

    def due(actions: Actions, info: WorldInfo) -> Due:
        left, right = keys(actions, info, LEFT, RIGHT)
        axis = actions[:, len(names) + [each.name for each in info.axes].index("turn")]
        asked = left.astype(np.float64) - right - axis
        turns = np.convolve(asked, answer)[: len(asked)]
        walks = np.any(actions[:, [names.index(name) for name in WALKING]] > 0.5, axis=1)
        fit = ~lately(walks, _SETTLED) & (np.abs(turns) <= _FASTEST)
        fit[:_BEGUN] = False
        one_way = np.sign(turns) * (fit & (np.abs(turns) >= _SLOWEST))
        return Due(
            turns=turns,
            holds=[(a, b) for a, b in spans_of(one_way) if abs(turns[a:b].sum()) >= _FAR],
            rests=[
                (a, b, full * (b - a))
                for a, b in spans_of(fit & (np.abs(turns) <= _NONE))
                if b - a >= _HELD
            ],
        )

    return due


def to_the_left(numbers: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float64]:
    """Degrees by which one has turned to the left in the corridors, from their numbers (F, n):
    (F,)."""
    sine, cosine = (numbers[:, names.index(f"heading_{part}")] for part in ("sin", "cos"))
    turned: NDArray[np.float64] = -np.degrees(np.unwrap(np.arctan2(sine, cosine).astype(float)))
    return turned
