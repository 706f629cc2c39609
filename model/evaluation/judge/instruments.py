"""A judge's instruments, set on true episodes of their own, and what the truth reads on them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.clips import EPISODE, agent_of
from lightcone.model.evaluation.judge.protocol import Frames, NotJudged
from lightcone.model.evaluation.judge.senses.hearing import Ear, set_ear
from lightcone.model.evaluation.judge.senses.monsters import MonsterDetector, seen
from lightcone.model.evaluation.judge.senses.pictures import gradient_energy, histogram
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.senses.weapon import WeaponReader
from lightcone.model.evaluation.judge.truth import Played, Truth

FIRST_SEED = 1_800_000_000  # of the episodes that instruments are set on
EPISODES = 12
_EVERY = 5  # frames, of averages
_LEFT, _RIGHT = "turn_left", "turn_right"
_STEADY = 16  # frames after which a held key turns at its full rate


@dataclass(frozen=True)
class Instruments:
    """None stands for what this truth has not: sound, a weapon, a view that turns, monsters."""

    average: Frames  # (H, W, 3): the mean picture
    gradient: float  # mean energy of the truth
    colours: NDArray[np.float64]  # histogram of the truth
    monsters: float  # share of frames of the truth with one to be seen, by the labels
    ear: Ear | None
    weapon: WeaponReader | None
    meter: TurnMeter | None
    rates: NDArray[np.float64] | None  # degrees of the k-th frame for which a key is held
    detector: MonsterDetector | None


def set_instruments(truth: Truth, detector: Path | None, episodes: int = EPISODES) -> Instruments:
    """`detector` is a file of `MonsterDetector.save`. Raises NotJudged."""
    plays: list[Played] = []
    for number in range(episodes):
        seed = FIRST_SEED + number
        plays.append(truth.play(seed, agent_of(seed), EPISODE))
    # Long runs are played at random, so what they are held against is too.
    random = plays[::2]
    sample = np.concatenate([played.frames[::_EVERY] for played in random])
    boxes = [each for played in random for each in played.boxes]
    labelled = any(box.category == "Monster" for each in boxes for box in each)
    if labelled and detector is None:
        raise NotJudged("the game has monsters: a detector of them is needed (--detector FILE)")
    weapon = None
    with suppress(ValueError):
        weapon = WeaponReader(plays)
    rates = turn_rates(plays)
    height, width = sample.shape[1:3]
    return Instruments(
        average=sample.mean(0).round().astype(np.uint8),
        gradient=gradient_energy(sample),
        colours=histogram(sample),
        monsters=sum(bool(seen(each)) for each in boxes) / max(1, len(boxes)),
        ear=set_ear(plays) if "selected_weapon_ammo" in plays[0].names else None,
        weapon=weapon,
        meter=TurnMeter(width, height) if rates is not None else None,
        rates=rates,
        detector=MonsterDetector.load(detector) if labelled and detector is not None else None,
    )


def turn_rates(plays: Sequence[Played]) -> NDArray[np.float64] | None:
    """Degrees that the view turns in the first, second, ... frame for which either key, or one
    after the other, is held, by the game's own angle; the last repeats. None where nothing
    turns."""
    names = {each.name for each in plays[0].info.buttons}
    if "angle" not in plays[0].names or not {_LEFT, _RIGHT} <= names:
        return None
    by_count: list[list[float]] = [[] for _ in range(_STEADY)]
    for played in plays:
        angle = played.number("angle").astype(np.float64)
        turned = (np.diff(angle) + 180) % 360 - 180
        left, right = played.held(_LEFT), played.held(_RIGHT)
        counts = held_for(left, right)
        for start, stop, side in holds(left, right):
            for frame in range(max(start, 1), stop):
                count = min(int(counts[frame]) - 1, _STEADY - 1)
                by_count[count].append(side * turned[frame - 1])
    known = [float(np.median(each)) for each in by_count if len(each) >= 3]
    return np.array(known) if known and max(known) > 0 else None


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
