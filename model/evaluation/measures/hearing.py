"""Is everything heard that happens, when it happens, as loud as it should be?

In clear weather and without music, since an onset is found by its rise over what else is heard.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation import experiments
from lightcone.model.evaluation.findings import (
    Figure,
    Findings,
)
from lightcone.model.evaluation.measures import sounds
from lightcone.model.evaluation.measures.fidelity import (
    CLIP_FRAMES,
    GROUP,
    encoded,
    teacher_forced_run,
)
from lightcone.model.evaluation.play import (
    Actor,
    Learned,
    Moments,
    Simulated,
    Still,
    play,
)
from lightcone.model.evaluation.scenes import (
    actions_of,
    quiet,
    with_states,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.rates import FPS, FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME
from lightcone.model.simulators.catalogue import open_simulator

_LOUD = {"court": "bounce", "pond": "splash", "corridors": "bump"}
_LOUD_FRAMES = {"court": 72, "pond": 30, "corridors": 30}


def hearing(learned: Learned, seeds: Sequence[int], frames: int = CLIP_FRAMES) -> Findings:
    name, simulator = learned.name, open_simulator(learned.name)
    none = sounds.OnsetScore(0, 0, 0, 0.0)
    scores = dict.fromkeys(("forced", "free", "simulator", "silence"), none)
    groups = [seeds[i : i + GROUP] for i in range(0, len(seeds), GROUP)]
    for group in tqdm(groups, desc="hearing", unit="group"):
        truth = simulator.seeded_trajectories(group, frames)
        clip = simulator.film(with_states(truth, quiet(truth.states)), learned.size)
        _, forced = teacher_forced_run(learned, clip, encoded(learned, clip), group, heard=True)
        free = learned.begin(clip.truth[:, :FRAMES], group, heard=True)
        play(free, clip.truth.actions[:, FRAMES:])
        own = clip.sound[:, FRAMES * SAMPLES_PER_FRAME :]
        heard = {"forced": forced.sound(), "free": free.sound(), "simulator": own}
        heard["silence"] = torch.zeros_like(own)
        for who, sound in heard.items():
            for i in range(len(group)):
                true, faint = _times(name, clip.truth, i), _times(name, clip.truth, i, faint=True)
                scores[who] += sounds.score_onsets(sounds.onsets(sound[i]), true, faint)
    made, best = scores["forced"], scores["simulator"]
    figures = (
        Figure(
            "sound onsets F1", made.f1, wanted=0.90, trivial={"silence": scores["silence"].f1},
            ceiling=best.f1, note=f"{made.true} contacts; free-running {scores['free'].f1:.3f}",
        ),
        Figure(
            "sound onsets, mean error", 1000 * made.mean_error_s, "ms", wanted=20, less=True,
            ceiling=1000 * best.mean_error_s,
        ),
    )  # fmt: skip
    return Findings(figures) + loudness(name, learned, seeds)


def _times(name: str, truth: Moments, i: int, faint: bool = False) -> list[float]:
    """Contacts after the first chunk, in seconds from there."""
    kinds = definition(name).contacts
    strength, when = truth.strength[i, FRAMES:], truth.when[i, FRAMES:]
    return sounds.contact_times(name, kinds, strength, when, faint)


def loudness(name: str, actor: Actor, seeds: Sequence[int]) -> Findings:
    """Rank correlation of how hard something is hit and how loud it then is: balls that drop,
    people who fall into the water or walk into walls."""
    many = [1000 * k + s for k in range(2) for s in seeds]
    begun, held = _struck(name, many)
    truth = Simulated(name).begin(begun, many)
    play(truth, held)
    correlations = {}
    for who, each in (("model", actor), ("simulator", Simulated(name)), ("silence", Still(name))):
        heard = []
        for i in range(0, len(many), GROUP):  # as many worlds at once as elsewhere
            part = slice(i, i + GROUP)
            run = each.begin(begun[part], many[part], heard=True)
            play(run, held[part])
            heard.append(run.sound())
        levels, strengths = _levels(name, truth.whole, torch.cat(heard))
        correlations[who] = sounds.rank_correlation(strengths, levels)
    return Findings((
        Figure(
            f"loudness against impact: {_LOUD[name]}", correlations["model"], wanted=0.9,
            trivial={"silence": correlations["silence"]}, ceiling=correlations["simulator"],
            note=f"{len(strengths)} impacts, rank correlation",
        ),
    ))  # fmt: skip


def _struck(name: str, seeds: Sequence[int]) -> tuple[Moments, Tensor]:
    frames, count = _LOUD_FRAMES[name], len(seeds)
    if name == "court":
        return experiments.dropped_balls(seeds), actions_of(name, count, frames)
    if name == "pond":
        return experiments.falls(seeds), actions_of(name, count, frames)
    return experiments.near_walls(seeds), actions_of(name, count, frames, forward=1.0)


def _levels(name: str, truth: Moments, heard: Tensor) -> tuple[list[float], list[float]]:
    """Of each impact that can be heard whole: its loudness and its strength."""
    kind = definition(name).contacts.index(_LOUD[name])
    levels, strengths = [], []
    for strength, when, sound in zip(truth.strength, truth.when, heard, strict=True):
        for frame in strength[:, kind].nonzero()[:, 0].tolist():
            time = (frame + float(when[frame, kind])) / FPS
            if (
                float(strength[frame, kind]) > 0.05
                and time + sounds.LATE < len(sound) / SAMPLE_RATE
            ):
                levels.append(sounds.loudness(sound, time))
                strengths.append(float(strength[frame, kind]))
    return levels, strengths
