"""Which moments are judged: all of it follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightcone.model.evaluation.judge.protocol import spans
from lightcone.model.evaluation.judge.truth import Played, Truth, following
from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.players.agents import View

ROLLOUT = 128  # frames that are generated from one moment
WRONG = 16  # frames under the actions of another clip
ANOTHER = 7919  # from a seed to that of the other clip
_TRIES = 8


@dataclass(frozen=True)
class Clip:
    """Part of an episode that begins at frame `start`; generation begins after `context` frames
    of it."""

    seed: int
    start: int
    context: int
    played: Played

    @property
    def truth(self) -> Played:
        """What is to be generated."""
        return self.played.part(self.context, len(self.played))


def clip(truth: Truth, info: WorldInfo, seed: int, context_s: float) -> Clip:
    """A clip at a random place of the seed's episode."""
    episode = truth.play(seed, truth.player(seed), truth.longest)
    context = context_frames(info, context_s)
    chunks = len(spans(info, 0, context))
    length = context + sum(spans(info, chunks, ROLLOUT))
    rng = np.random.default_rng((seed, 1))
    start = int(rng.integers(max(1, len(episode) - length + 1)))
    return Clip(seed, start, context, _whole(episode.part(start, start + length), info, context))


def another(truth: Truth, clip: Clip) -> Actions:
    """What is held in the first frames of other clips: the first of them that differs."""
    wanted = clip.truth.actions[:WRONG]
    for k in range(1, _TRIES + 1):
        seed = clip.seed + k * ANOTHER
        episode = truth.play(seed, truth.player(seed), truth.longest)
        first = len(episode) // 2
        actions = episode.actions[first : first + len(wanted)]
        if len(actions) == len(wanted) and (actions != wanted).any(1).mean() >= 0.5:
            return actions
    return 1 - wanted


def otherwise(truth: Truth, clip: Clip, actions: Actions) -> Played:
    """What would have been, from the clip's start, had these actions been held after the
    context."""
    begun = truth.play(clip.seed, truth.player(clip.seed), clip.start + clip.context)
    done = np.concatenate([begun.actions, actions])
    episode = truth.play(clip.seed, following(done), len(done))
    return episode.part(clip.start, len(episode))


def at_random(truth: Truth, info: WorldInfo, seed: int, frames: int) -> Actions:
    """What the player of an even seed does, who looks at nothing."""
    agent = truth.player(seed)(info, seed)
    black = np.zeros((info.height, info.width, 3), np.uint8)
    return np.stack([agent(View(frame, black, None, {}, ())) for frame in range(frames)])


def context_frames(info: WorldInfo, seconds: float) -> int:
    """Whole chunks of at least so many seconds."""
    return sum(spans(info, 0, round(seconds * info.fps)))


def _whole(played: Played, info: WorldInfo, context: int) -> Played:
    """The whole chunks of an episode that may have ended early."""
    length, chunk = 0, 0
    while length + info.frames_of(chunk) <= len(played):
        length += info.frames_of(chunk)
        chunk += 1
    return played.part(0, max(length, min(context, len(played))))
