"""The objective: flow matching with a noise level per chunk, on true and on own context.

Every chunk of a clip is either a target, at a noise level between pure noise and almost clean, or
context, almost clean. The network sees all of them in one pass (diffusion forcing, Chen et al.
2024). What precedes a target is in part the model's own prediction, made without gradient, while
the target stays the truth: that is how it learns to correct its own errors. A second pass predicts
from the predictions of the first, all chunks at once, and so on: errors of several chunks in a row
(parallel scheduled sampling, Duckworth et al. 2019).

The square error of pictures alone would make a single step from pure noise the mean of all that
may come, in which what is small and moves fades. For transformers that are given that noise it is
the energy score there (Gneiting & Raftery 2007; of diffusion models, De Bortoli et al. 2025): a
prediction is to be near the truth, and as far from another that other noise gives. It is least
where predictions are distributed as the truth is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents, choose, mix, spread
from lightcone.model.training.avdit.clips import Clips
from lightcone.model.training.avdit.emphasis import Emphasis

_PATCH = 4  # latents along each side, over which an energy score is taken


@dataclass(frozen=True)
class Objective:
    targets: float = 0.6  # share of chunks that are targets; the others are context
    pure: float = 0.5  # share of targets that start from pure noise
    cleanest: float = 0.8  # level of the others, at most: 4 steps need none above 0.75
    context_noise: float = 0.12  # most of it
    last_noise: float = 0.15  # most noise on picture and sound of the end of the chunk before
    own: float = 0.7  # share of context that is the model's own, in rollout batches
    no_actions: float = 0.1  # share of chunks whose actions are hidden
    score_weight: float = 0.3  # of the energy score
    sound_weight: float = 0.3
    numbers_weight: float = 0.4


def loss(
    model: nn.Module,
    c: AvditConfig,
    clips: Clips,
    emphasis: Emphasis,
    objective: Objective,
    generator: torch.Generator,
    own_passes: int,
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch of clips, and figures. `emphasis`: which errors of pictures count
    more, `own_passes`: after how many chunks in a row the model's own context is made; 0 for the
    truth alone."""
    device = emphasis.mean.device
    lead = clips.actions.shape[:2]

    def random() -> Tensor:
        return torch.rand(lead, generator=generator).to(device)

    def noise() -> Latents:
        return Latents.noise(c, generator, *lead).map(lambda x: x.to(device))

    known = (random() >= objective.no_actions).float()
    seen, before = clips.clean, clips.before
    for _ in range(own_passes):
        seen, before = _own_context(model, c, clips, before, known, objective, noise(), random)
    target = random() < objective.targets
    level = torch.where(random() < objective.pure, 0.0, objective.cleanest * random())
    near = 1 - objective.context_noise * (random() - 0.25).clamp_min(0) / 0.75
    tau = torch.where(target, level, near)
    noisy = mix(noise(), choose(target, clips.clean, seen), tau)
    blur = objective.last_noise * random()
    ends = noise().last(c)
    blurred = Latents(*(b + spread(blur, b) * n for b, n in zip(before, ends, strict=True)))
    before = blurred._replace(numbers=before.numbers)  # of an angle, noise would be a turn

    def predict(x: Latents) -> Latents:
        out: Latents = model(
            x, before, tau, clips.actions, known, clips.text, true_numbers=clips.clean.numbers
        )
        return out

    predicted = predict(noisy)
    weight = target.float() / target.float().mean().clamp_min(1e-3)
    scale = weight * (0.3 + tau)  # what is almost clean has smaller errors
    total, figures = torch.zeros((), device=device), {}
    at_noise = (tau == 0) & target
    weights = emphasis.weights(clips.clean.picture, clips.before.picture)
    error = (predicted.picture - clips.clean.picture).square()
    regressed = scale
    if c.chance:
        regressed = scale * ~at_noise
        with torch.no_grad():
            again = predict(choose(at_noise, noise(), noisy))
        fit = _patches(weights * error)
        apart = _patches(weights * (predicted.picture - again.picture).square())
        score = (spread(weight * at_noise, fit) * (fit - apart)).mean()
        total = total + objective.score_weight * score
        if at_noise.any():
            figures["apart"] = float((apart[at_noise].mean() / fit[at_noise].mean()).detach())
    picture = (spread(regressed, error) * weights * error).mean()
    total = total + picture
    with torch.no_grad():
        if at_noise.any():
            figures["from noise"] = float((emphasis.shows * error[at_noise]).mean())
        figures["picture"] = float(picture)
    if c.sound_latents:
        error = (predicted.sound - clips.clean.sound).square()
        sound = (spread(scale, error) * error).mean()
        total = total + objective.sound_weight * sound
        figures["sound"] = float(sound.detach())
    if c.numbers:
        error = (predicted.numbers - clips.clean.numbers).square() * emphasis.numbers
        error = error.clamp_max(25.0)
        numbers = (spread(scale, error) * error).mean()
        total = total + objective.numbers_weight * numbers
        figures["numbers"] = float(numbers.detach())
    return total, figures


def _patches(square: Tensor) -> Tensor:
    """Square errors (B, C, depth, h, w) -> their roots over patches, (B, C, y, x)."""
    side = min(_PATCH, *square.shape[-2:])
    mean = F.avg_pool2d(square.mean(2), side, stride=max(1, side // 2))
    return (mean + 1e-6).sqrt()


@torch.no_grad()
def _own_context(
    model: nn.Module,
    c: AvditConfig,
    clips: Clips,
    before: Latents,
    known: Tensor,
    objective: Objective,
    start: Latents,
    random: Callable[[], Tensor],
) -> tuple[Latents, Latents]:
    """The clips with a share of their chunks as the model predicts them from pure noise, and the
    ends before each chunk to go with that. `before`: those that it is made from."""
    tau = torch.zeros_like(known)
    made = model(start, before, tau, clips.actions, known, clips.text)
    own = random() < objective.own
    seen = choose(own, made, clips.clean)
    ends = seen.last(c)
    after = Latents(
        *(torch.cat([b[:, :2], e[:, 1:-1]], 1) for b, e in zip(clips.before, ends, strict=True))
    )  # what is before the first two chunks is the truth: the sink may be from longer ago
    return seen, after
