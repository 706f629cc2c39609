"""A judge's instruments, set on true episodes of their own, and what the truth reads on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.pressing import (
    Jumping,
    JumpingOff,
    LookingAside,
    Shooting,
    Trigger,
)
from lightcone.model.evaluation.judge.protocol import Frames, NotJudged
from lightcone.model.evaluation.judge.senses.hearing import Ear, Noted, set_ear
from lightcone.model.evaluation.judge.senses.monsters import MonsterDetector, seen
from lightcone.model.evaluation.judge.senses.pictures import gradient_energy, histogram
from lightcone.model.evaluation.judge.senses.things import SPOTTED, Spotter
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.senses.weapon import WeaponReader
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.steering.holds import Steering
from lightcone.model.evaluation.judge.steering.running import Running
from lightcone.model.evaluation.judge.steering.swimming import Swimming
from lightcone.model.evaluation.judge.steering.turning import (
    Turning,
    corridors_law,
    corridors_meter,
    game_law,
    game_rates,
)
from lightcone.model.evaluation.judge.truth import Played, Truth

FIRST_SEED = 1_800_000_000  # of the episodes that instruments are set on
EPISODES = 12
_EVERY = 5  # frames, of averages


There = Callable[[Frames, str | None], NDArray[np.bool_]]
"""Of frames and their caption: whether everything is there that should be, (F,)."""


@dataclass(frozen=True)
class Looks:
    """What the truth's pictures are on average."""

    average: Frames  # (H, W, 3): the mean picture
    gradient: float  # mean energy
    colours: NDArray[np.float64]  # histogram


@dataclass(frozen=True)
class Instruments:
    """None stands for what this truth has not: sound, things that can be found, a button whose
    press shows, something that is steered, monsters."""

    looks: Looks
    monsters: float  # share of frames of the truth with one to be seen, by the labels
    ear: Ear | None
    there: There | None
    trigger: Trigger | None
    steering: Steering | None
    detector: MonsterDetector | None

    @property
    def average(self) -> Frames:
        return self.looks.average


def set_instruments(truth: Truth, detector: Path | None, episodes: int = EPISODES) -> Instruments:
    """`detector` is a file of `MonsterDetector.save`, for a simulator a folder of weights with a
    reader of its pictures. Raises NotJudged."""
    if isinstance(truth, SimulatorTruth):
        return _of_simulator(truth, detector, episodes)
    plays = _plays(truth, episodes)
    # Long runs are played at random, so what they are held against is too.
    boxes = [each for played in plays[::2] for each in played.boxes]
    labelled = any(box.category == "Monster" for each in boxes for box in each)
    if labelled and detector is None:
        raise NotJudged("the game has monsters: a detector of them is needed (--detector FILE)")
    weapon = None
    with suppress(ValueError):
        weapon = WeaponReader(plays)
    rates = game_rates(plays)
    looks = looks_of(plays[::2])
    height, width = looks.average.shape[:2]
    return Instruments(
        looks=looks,
        monsters=sum(bool(seen(each)) for each in boxes) / max(1, len(boxes)),
        ear=_ear(truth, plays),
        there=None if weapon is None else _weapon_there(weapon),
        trigger=None if weapon is None else Shooting(weapon),
        steering=None if rates is None else Turning(TurnMeter(width, height), game_law(rates)),
        detector=MonsterDetector.load(detector) if labelled and detector is not None else None,
    )


def _of_simulator(truth: SimulatorTruth, reader: Path | None, episodes: int) -> Instruments:
    plays = _plays(truth, episodes)
    there, trigger, steering = controls_of(truth, reader)
    return Instruments(
        looks=looks_of(plays[::2]),
        monsters=0.0,
        ear=_ear(truth, plays),
        there=there,
        trigger=trigger,
        steering=steering,
        detector=None,
    )


def controls_of(
    truth: SimulatorTruth, reader: Path | None
) -> tuple[There | None, Trigger, Steering]:
    """What finds things in pictures of a simulator, a press and what is steered. Raises
    NotJudged."""
    if truth.world not in SPOTTED:
        meter = corridors_meter(truth.info.width, truth.info.height)
        return None, LookingAside(meter), Turning(meter, corridors_law(truth))
    if reader is None:
        raise NotJudged("a reader of pictures is needed (--detector FOLDER)")
    spotter = Spotter.load(reader, truth.world)
    if truth.world == "court":
        return spotter.whole, Jumping(spotter), Running(spotter, truth)
    return spotter.whole, JumpingOff(spotter), Swimming(spotter, truth)


def of_looks(tools: Instruments, truth: Truth, seeds: Sequence[int]) -> Instruments:
    """The same, held against the looks of a truth in its episodes with these seeds."""
    return replace(tools, looks=looks_of(list(truth.plays(seeds))))


def looks_of(plays: Sequence[Played]) -> Looks:
    sample = np.concatenate([played.frames[::_EVERY] for played in plays])
    average = sample.mean(0).round().astype(np.uint8)
    return Looks(average, gradient_energy(sample), histogram(sample))


def _plays(truth: Truth, episodes: int) -> list[Played]:
    return list(truth.plays(range(FIRST_SEED, FIRST_SEED + episodes)))


def _ear(truth: Truth, plays: Sequence[Played]) -> Ear | None:
    noted = [
        Noted(played.sound, played.events, played.faint)
        for played in plays
        if played.sound is not None and played.events is not None
    ]
    rate = truth.info.sample_rate
    return None if rate is None else set_ear(noted, rate, truth.info.fps, truth.bands)


def _weapon_there(weapon: WeaponReader) -> There:
    return lambda frames, text: weapon.read(frames)[0]
