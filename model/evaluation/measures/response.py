"""How soon a press shows: frames from the chunk that carries it to the first changed pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation.findings import (
    Figure,
    Findings,
)
from lightcone.model.evaluation.play import (
    Actor,
    Moments,
    Run,
    Simulated,
    watch,
)
from lightcone.model.evaluation.scenes import (
    actions_of,
    moments,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.rates import FRAMES

FRAMES_WATCHED = 12
_BEFORE = FRAMES  # frames at rest first
_LEVELS, _PIXELS = 24, 3  # what counts as a change: so many pixels, by so many levels


def response(name: str, actor: Actor, seeds: Sequence[int]) -> Findings:
    """Each button, and each axis, alone, in the world of each seed. Presses that the simulator
    answers within FRAMES_WATCHED frames count."""
    info = definition(name).info
    controls = [*(b.name for b in info.buttons), *(a.name for a in info.axes)]
    answers = {"model": actor, "simulator": Simulated(name, actor.size)}
    begun = moments(name, seeds)
    calm = {who: _frames(name, each, begun, seeds, {}) for who, each in answers.items()}
    delays: dict[str, list[Tensor]] = {who: [] for who in answers}
    for control in tqdm(controls, desc="response", unit="control"):
        for who, each in answers.items():
            frames = _frames(name, each, begun, seeds, {control: 1.0})
            delays[who].append(first_change(frames, calm[who]))
    late = {who: torch.stack(found, 1) for who, found in delays.items()}  # (B, controls)
    true = late["simulator"]
    answered = true < FRAMES_WATCHED
    equal = {who: float((found == true)[answered].float().mean()) for who, found in late.items()}
    early = float((late["model"] < true)[answered].float().mean())
    note = f"{int(answered.sum())} presses; earlier {early:.2f}"
    return Findings((
        Figure(
            "response as soon as the simulator's", equal["model"], wanted=0.95,
            trivial={"last frame": 0.0}, ceiling=1.0, note=note,
        ),
    ))  # fmt: skip


def first_change(frames: Tensor, other: Tensor) -> Tensor:
    """The first of the frames (B, T, 3, H, W) that differs, T where none does: (B,)."""
    changed = (frames.int() - other.int()).abs().amax(2) > _LEVELS
    seen = changed.flatten(2).sum(2) >= _PIXELS  # (B, T)
    return torch.where(seen.any(1), seen.int().argmax(1), frames.shape[1])


def _frames(
    name: str, actor: Actor, begun: Moments, seeds: Sequence[int], held: Mapping[str, float]
) -> Tensor:
    """Frames (B, FRAMES_WATCHED, 3, H, W) from the chunk on that carries what is held."""
    run: Run = actor.begin(begun, seeds)
    run.step(actions_of(name, len(seeds), _BEFORE))
    return watch(run, actions_of(name, len(seeds), FRAMES_WATCHED, **held))
