"""Which moments are judged: all of it follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightcone.model.evaluation.judge.protocol import spans
from lightcone.model.evaluation.judge.senses.hearing import shots
from lightcone.model.evaluation.judge.truth import Played, Truth, deciding, following
from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.players.agents import AGENTS, MakeAgent

EPISODE = 2100  # frames of an episode, at most
ROLLOUT = 128  # frames that are generated from one moment
WRONG = 16  # frames under the actions of another clip
ANOTHER = 7919  # from a seed to that of the other clip
REACTION = 24  # frames in which a press has to show
_AIMED = 24  # frames before a press in which nobody shoots
_HELD = 4  # frames of a press
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


def agent_of(seed: int) -> MakeAgent:
    """Who plays: every other seed is played by the agent that aims."""
    return deciding(AGENTS["scripted" if seed % 2 else "random"])


def clip(truth: Truth, info: WorldInfo, seed: int, context_s: float) -> Clip:
    """A clip at a random place of the seed's episode."""
    episode = truth.play(seed, agent_of(seed), EPISODE)
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
        episode = truth.play(seed, agent_of(seed), EPISODE)
        first = len(episode) // 2
        actions = episode.actions[first : first + len(wanted)]
        if len(actions) == len(wanted) and (actions != wanted).any(1).mean() >= 0.5:
            return actions
    return 1 - wanted


def otherwise(truth: Truth, clip: Clip, actions: Actions) -> Played:
    """What would have been, from the clip's start, had these actions been held after the
    context."""
    begun = truth.play(clip.seed, agent_of(clip.seed), clip.start + clip.context)
    done = np.concatenate([begun.actions, actions])
    episode = truth.play(clip.seed, following(done), len(done))
    return episode.part(clip.start, len(episode))


@dataclass(frozen=True)
class Press:
    """A clip after whose context the weapon is ready and has rested for 24 frames; `frame` of what
    is to be generated shows the shot of the only press."""

    clip: Clip
    frame: int


def press(truth: Truth, info: WorldInfo, seed: int, number: int, context_s: float) -> Press | None:
    """One press in the seed's episode, at any phase of a chunk; None where there is none."""
    episode = truth.play(seed, agent_of(seed), EPISODE)
    names = [each.name for each in info.buttons]
    if "attack" not in names or "attack_ready" not in episode.names:
        return None
    attack = names.index("attack")
    context = context_frames(info, context_s)
    length = context + sum(spans(info, len(spans(info, 0, context)), REACTION))
    rng = np.random.default_rng((seed, 2, number))
    for _ in range(_TRIES):
        start = int(rng.integers(max(1, len(episode) - length)))
        moment = start + context
        actions = np.array(episode.actions[: start + length])
        actions[moment - _AIMED :, attack] = 0
        pressed = moment + int(rng.integers(2 * info.chunk_frames[-1]))
        actions[pressed : pressed + _HELD, attack] = 1
        played = truth.play(seed, following(actions), len(actions))
        if len(played) < len(actions) or played.number("attack_ready")[moment - 1] != 1:
            continue
        fired = [frame - moment for frame in shots(played) if frame >= moment - _HELD]
        if len(fired) == 1 and 0 <= fired[0] < length - context - 2:
            part = played.part(start, start + length)
            return Press(Clip(seed, start, context, part), fired[0])
    return None


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
