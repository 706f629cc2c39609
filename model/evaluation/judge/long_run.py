"""Measures of a free run of many minutes, which begins as a session does: without a true frame.

No truth runs beside it; it is held against what the game shows at any time. Episodes of the game
under the same player are the judge's reading of the truth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.clips import ANOTHER, EPISODE, agent_of
from lightcone.model.evaluation.judge.instruments import Instruments, held_for, holds, rests
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Frames, spans, step
from lightcone.model.evaluation.judge.senses.pictures import (
    colour_distance,
    gradient_energy,
    histogram,
)
from lightcone.model.evaluation.judge.tally import Tally
from lightcone.model.evaluation.judge.truth import Played, Truth
from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.players.agents import View

FIRST, LAST = "first", "last"  # minute
_SAMPLE = 7  # frames, of measures that do not need every one
_WEAPON_EVERY = 7
_HELD = 6  # frames of a hold, at least
_NEAR = 0.10  # of the game's turn
_BLOCK = 280  # frames looked at together
_EPISODES = 4  # of the game, by turns held against the first and the last minute
_READ = ("truth", "codec", "last_frame", "average")


def judge_long_run(
    candidate: Candidate, truth: Truth, tools: Instruments, seed: int, minutes: float
) -> tuple[Tally, dict[str, Frames]]:
    """Control, sharpness, colours, monsters in the first and the last minute, the weapon all
    along; and a picture of each minute."""
    info = candidate.info
    total = round(minutes * 60 * info.fps)
    minute = min(60 * info.fps, total // 2)
    actions = idle_play(info, 2 * seed, total)  # even seeds play at random
    tally = Tally()
    pictures = _run(candidate, tools, seed, actions, minute, tally)

    readings = {(who, when): Watch(tools) for who in _READ for when in (FIRST, LAST)}
    for k in range(_EPISODES):
        other = seed + k * ANOTHER
        episode = truth.play(other, agent_of(2 * other), EPISODE)
        played = episode.part(0, _whole(info, len(episode)))
        for who, frames in _answers(candidate, tools, played).items():
            watch = readings[who, FIRST if k % 2 == 0 else LAST]
            watch.begin_anew()
            watch.see(frames, played.actions, info)
            if tools.weapon is not None:
                there_now = tools.weapon.read(frames[::_WEAPON_EVERY])[0]
                tally.add(who, "weapon", float(there_now.sum()), len(there_now))
    for (who, when), watch in readings.items():
        watch.add_to(tally, who, when)
    tally.add("game", "monsters_there", tools.monsters)
    tally.add("game", "gradient", tools.gradient)
    return tally, {"model": pictures}


def _answers(candidate: Candidate, tools: Instruments, played: Played) -> dict[str, Frames]:
    """An episode as it is, through the codecs, as one picture of its middle, and on average."""
    count = len(played)
    codec, _ = candidate.reconstruct(played.frames, played.sound)
    frozen = np.repeat(played.frames[count // 2][None], count, 0)
    average = np.repeat(tools.average[None], count, 0)
    return dict(zip(_READ, (played.frames, codec, frozen, average), strict=True))


class Watch:
    """What is seen in one minute, looked at block by block in the order of time."""

    def __init__(self, tools: Instruments) -> None:
        self._tools = tools
        self._turns: list[NDArray[np.float32]] = []
        self._actions: list[Actions] = []
        self._before: Frames | None = None
        self._gradients: list[float] = []
        self._colours: list[NDArray[np.float64]] = []
        self._monsters: list[bool] = []
        self._info: WorldInfo | None = None

    def begin_anew(self) -> None:
        """What is seen next does not follow what was seen before."""
        self._before = None

    def see(self, frames: Frames, actions: Actions, info: WorldInfo) -> None:
        """More frames (F, H, W, 3) and what was held in them."""
        self._info = info
        for start in range(0, len(frames), _BLOCK):
            block = frames[start : start + _BLOCK]
            if self._tools.meter is not None:
                joined = block if self._before is None else np.concatenate([self._before, block])
                self._turns.append(self._tools.meter.turns(joined)[-len(block) :])
            self._before = block[-1:]
            sample = block[::_SAMPLE]
            self._gradients.append(gradient_energy(sample))
            self._colours.append(histogram(sample))
            if self._tools.detector is not None:
                self._monsters += [bool(peaks) for peaks in self._tools.detector.find(sample)]
        self._actions.append(actions)

    def add_to(self, tally: Tally, who: str, when: str) -> None:
        """`control`: the share of holds of a key, of 6 frames or more, over which the view turned
        within 10 % of what the game turns in them. `still`: the share of rests as long, over which
        it turned less than 10 % of what it would at full rate. `turned`: the median of turn over
        the game's turn. `gradient`, `colours` (distance to the truth's histogram),
        `monsters_there` (share of frames)."""
        rates, info = self._tools.rates, self._info
        if info is None:
            return
        if rates is not None and self._turns:
            turns, actions = np.concatenate(self._turns), np.concatenate(self._actions)
            names = [each.name for each in info.buttons]
            left, right = (actions[:, names.index(f"turn_{s}")] > 0.5 for s in ("left", "right"))
            counts = held_for(left, right)
            ratios: list[float] = []
            for start, stop, side in holds(left, right):
                if stop - start >= _HELD and start > 0:
                    ratios.append(
                        side * float(turns[start:stop].sum()) / turned(rates, counts[start:stop])
                    )
            good = sum(abs(ratio - 1) <= _NEAR for ratio in ratios)
            tally.add(who, f"control/{when}", good, len(ratios))
            seen = [ratio for ratio in ratios if math.isfinite(ratio)]
            if seen:
                tally.add(who, f"turned/{when}", float(np.median(seen)))
            idle = [(a, b) for a, b in rests(left, right, _HELD) if a > 0]
            still = 0
            for start, stop in idle:
                full = turned(rates, np.arange(1, stop - start + 1))
                still += abs(float(turns[start:stop].sum())) <= _NEAR * full
            tally.add(who, f"still/{when}", still, len(idle))
        tally.add(who, f"gradient/{when}", sum(self._gradients), len(self._gradients))
        if self._colours:
            mean = np.mean(self._colours, 0)
            tally.add(who, f"colours/{when}", colour_distance(mean, self._tools.colours))
        tally.add(who, f"monsters_there/{when}", sum(self._monsters), len(self._monsters))


def turned(rates: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Degrees that the game turns in frames in which a key has been held for so many frames."""
    return float(rates[np.minimum(counts - 1, len(rates) - 1)].sum())


def idle_play(info: WorldInfo, seed: int, frames: int) -> Actions:
    """What an agent does who looks at nothing."""
    agent = agent_of(seed)(info, seed)
    black = np.zeros((info.height, info.width, 3), np.uint8)
    return np.stack([agent(View(frame, black, None, {}, ())) for frame in range(frames)])


def _run(
    candidate: Candidate, tools: Instruments, seed: int, actions: Actions, minute: int, tally: Tally
) -> Frames:
    """Returns a picture of each minute."""
    info, model = candidate.info, candidate.model
    total = len(actions)
    conditioning = model.prepare(candidate.world)
    state = model.start(candidate.world, seed, conditioning)
    minutes = {FIRST: (0, minute), LAST: (total - minute, total)}
    watches = {when: Watch(tools) for when in minutes}
    there: list[bool] = []
    pictures: list[Frames] = []
    pending: list[Frames] = []
    at = start = 0

    def look(frames: Frames) -> None:
        for when, (first, last) in minutes.items():
            low, high = max(first, start), min(last, at)
            if low < high:
                part = slice(low - start, high - start)
                watches[when].see(frames[part], actions[low:high], info)
        offset = -start % _WEAPON_EVERY
        if tools.weapon is not None and len(frames[offset::_WEAPON_EVERY]):
            there.extend(tools.weapon.read(frames[offset::_WEAPON_EVERY])[0].tolist())

    for frames in spans(info, 0, total):
        held = actions[at : at + frames]
        held = np.pad(held, ((0, frames - len(held)), (0, 0)))
        before, (state, chunk) = state, step(model, state, held, candidate.steps)
        model.release(before)
        pending.append(chunk.frames)
        at += frames
        candidate.tick()
        if at // (60 * info.fps) > len(pictures):
            pictures.append(chunk.frames[-1])
        if at - start >= _BLOCK or at >= total:
            look(np.concatenate(pending))
            pending, start = [], at
    model.release(state)
    if not pictures:
        pictures.append(chunk.frames[-1])
    for when, watch in watches.items():
        watch.add_to(tally, "model", when)
    if there:
        tally.add("model", "weapon", sum(there), len(there))
    return np.stack(pictures)


def _whole(info: WorldInfo, frames: int) -> int:
    lengths = spans(info, 0, frames)
    return frames if sum(lengths) == frames else frames - (lengths[-1] - (sum(lengths) - frames))
