"""Measures of a free run of many minutes.

It begins as a session does, without a true frame, and is held against what the game shows at any
time. Where episodes look different from one another, it begins after the first seconds of one
instead, and is held against episodes that look like that one. Episodes of the truth under the same
player are the judge's reading of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.clips import ANOTHER, Clip, at_random, context_frames
from lightcone.model.evaluation.judge.instruments import Instruments, of_looks
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Frames, spans, step
from lightcone.model.evaluation.judge.senses.pictures import (
    colour_distance,
    gradient_energy,
    histogram,
)
from lightcone.model.evaluation.judge.steering.holds import NEAR, Seen
from lightcone.model.evaluation.judge.tally import Tally
from lightcone.model.evaluation.judge.truth import Played, Truth
from lightcone.model.interface import Actions, WorldInfo

FIRST, LAST = "first", "last"  # minute
_SAMPLE = 7  # frames, of measures that do not need every one
_THERE_EVERY = 7
_BLOCK = 280  # frames looked at together
_EPISODES = 4  # of the game, by turns held against the first and the last minute
_LOOKED = 2  # more of them, whose looks are those of the truth
_READ = ("truth", "codec", "last_frame", "average")


@dataclass(frozen=True)
class Begun:
    """The state from which a run goes on, what is held in it, and the caption of what it shows."""

    state: Any
    actions: Actions
    text: str | None


def judge_long_run(
    candidate: Candidate,
    truth: Truth,
    tools: Instruments,
    seed: int,
    minutes: float,
    context_s: float,
) -> tuple[Tally, dict[str, Frames]]:
    """Control, sharpness, colours, monsters in the first and the last minute, all that should be
    there all along; and a picture of each minute."""
    info = candidate.info
    total = round(minutes * 60 * info.fps)
    minute = min(60 * info.fps, total // 2)
    shown, begun = _begin(candidate, truth, seed, total, context_s)
    if shown is not truth:
        others = range(_EPISODES, _EPISODES + _LOOKED)
        tools = of_looks(tools, shown, [2 * (seed + k * ANOTHER) for k in others])
    tally = Tally()
    pictures = _run(candidate, tools, begun, minute, tally)

    readings = {(who, when): Watch(tools) for who in _READ for when in (FIRST, LAST)}
    for k, episode in enumerate(_episodes(shown, truth, seed)):
        played = episode.part(0, _whole(info, len(episode)))
        for who, frames in _answers(candidate, tools, played).items():
            watch = readings[who, FIRST if k % 2 == 0 else LAST]
            watch.begin_anew()
            watch.see(frames, played.actions, info, played.text)
            if tools.there is not None:
                there_now = tools.there(frames[::_THERE_EVERY], played.text)
                tally.add(who, "weapon", float(there_now.sum()), len(there_now))
            if shown is not truth:
                watch.end()
    for (who, when), watch in readings.items():
        watch.add_to(tally, who, when)
    tally.add("game", "monsters_there", tools.monsters)
    tally.add("game", "gradient", tools.looks.gradient)
    return tally, {"model": pictures}


def _begin(
    candidate: Candidate, truth: Truth, seed: int, total: int, context_s: float
) -> tuple[Truth, Begun]:
    """And the truth that looks like it. Even seeds play at random."""
    info = candidate.info
    shown = truth.like(2 * seed)
    if shown is None:
        model, world = candidate.model, candidate.world
        state = model.start(world, seed, model.prepare(world))
        return truth, Begun(state, at_random(truth, info, 2 * seed, total), None)
    context = context_frames(info, context_s)
    played = shown.play(2 * seed, shown.player(2 * seed), context).part(0, context)
    state = candidate.after_context(Clip(2 * seed, 0, context, played))
    actions = at_random(shown, info, 2 * seed, context + total)[context:]
    return shown, Begun(state, actions, played.text)


def _episodes(shown: Truth, truth: Truth, seed: int) -> Iterator[Played]:
    """Played at random."""
    seeds = [seed + k * ANOTHER for k in range(_EPISODES)]
    if shown is not truth:
        return shown.plays([2 * each for each in seeds])
    return (truth.play(each, truth.player(2 * each), truth.longest) for each in seeds)


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
        self._moves: list[Seen] = []
        self._actions: list[Actions] = []
        self._before: Frames | None = None
        self._gradients: list[float] = []
        self._colours: list[NDArray[np.float64]] = []
        self._monsters: list[bool] = []
        self._ratios: list[float] = []
        self._still: list[bool] = []
        self._info: WorldInfo | None = None

    def begin_anew(self) -> None:
        """What is seen next does not follow what was seen before."""
        self._before = None

    def see(
        self, frames: Frames, actions: Actions, info: WorldInfo, text: str | None = None
    ) -> None:
        """More frames (F, H, W, 3) and what was held in them; `text` is their caption."""
        self._info = info
        for start in range(0, len(frames), _BLOCK):
            block = frames[start : start + _BLOCK]
            if self._tools.steering is not None:
                self._moves.append(self._tools.steering.look(block, self._before, text))
            self._before = block[-1:]
            sample = block[::_SAMPLE]
            self._gradients.append(gradient_energy(sample))
            self._colours.append(histogram(sample))
            if self._tools.detector is not None:
                self._monsters += [bool(peaks) for peaks in self._tools.detector.find(sample)]
        self._actions.append(actions)

    def end(self) -> None:
        """What was held and seen so far is weighed by itself."""
        if self._tools.steering is not None and self._moves and self._info is not None:
            seen, actions = np.concatenate(self._moves), np.concatenate(self._actions)
            found = self._tools.steering.steered(seen, actions, self._info)
            self._ratios += found.ratios
            self._still += found.still
        self._moves, self._actions = [], []

    def add_to(self, tally: Tally, who: str, when: str) -> None:
        """`control`: the share of holds over which the view turned, or the player ran or swam,
        within 10 % of what the truth does in them. `still`: the share of rests over which it
        moved less than 10 % of what it would at full rate. `turned`: the median of what was seen
        over the truth's. `gradient`, `colours` (distance to the truth's histogram),
        `monsters_there` (share of frames)."""
        if self._info is None:
            return
        self.end()
        if self._tools.steering is not None:
            good = sum(abs(ratio - 1) <= NEAR for ratio in self._ratios)
            tally.add(who, f"control/{when}", good, len(self._ratios))
            seen = [ratio for ratio in self._ratios if math.isfinite(ratio)]
            if seen:
                tally.add(who, f"turned/{when}", float(np.median(seen)))
            tally.add(who, f"still/{when}", sum(self._still), len(self._still))
        tally.add(who, f"gradient/{when}", sum(self._gradients), len(self._gradients))
        if self._colours:
            mean = np.mean(self._colours, 0)
            tally.add(who, f"colours/{when}", colour_distance(mean, self._tools.looks.colours))
        tally.add(who, f"monsters_there/{when}", sum(self._monsters), len(self._monsters))


def _run(
    candidate: Candidate, tools: Instruments, begun: Begun, minute: int, tally: Tally
) -> Frames:
    """Returns a picture of each minute."""
    info, model = candidate.info, candidate.model
    state, actions, text = begun.state, begun.actions, begun.text
    total = len(actions)
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
                watches[when].see(frames[part], actions[low:high], info, text)
        sample = frames[-start % _THERE_EVERY :: _THERE_EVERY]
        if tools.there is not None and len(sample):
            there.extend(tools.there(sample, text).tolist())

    for frames in spans(info, state.chunk, total):
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
