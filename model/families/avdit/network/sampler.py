"""Sampling the next chunk of one or many states, in 1, 2 or 4 steps.

The first pass also takes the chunk before it, which is clean by now, and keeps its keys: one pass
instead of two. The noise of a chunk depends on the seed and the chunk's index alone, so a seed and
an action log give the same latents to the bit in batches of the same size.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.avdit.network.cache import Cache, Past
from lightcone.model.families.avdit.network.latents import Latents, mix
from lightcone.model.families.avdit.network.transformer import Settled, Transformer

LEVELS: Mapping[int, tuple[float, ...]] = {
    1: (0.0,),
    2: (0.0, 0.5),
    4: (0.0, 0.25, 0.5, 0.75),
}
"""The noise level at which each step begins, by the number of steps."""
_LARGEST = 20.0  # of a latent; their variance is 1


@dataclass(frozen=True)
class Context:
    """What the next chunk of B states follows. `last` is the newest chunk, whose keys are not in
    `pasts` yet, `before` the end of the chunk before that, `actions` (B, frames, controls) and
    `text` (B, words) those of `last`."""

    pasts: Sequence[Past]
    last: Latents
    before: Latents
    actions: Tensor
    text: Tensor


def sample(
    model: Transformer,
    context: Context,
    actions: Tensor,
    text: Tensor,
    noise: Latents,
    levels: Sequence[float],
    guidance: float = 1.0,
    settled: Settled | None = None,
) -> tuple[Latents, list[Past]]:
    """The next chunk of B states, under `actions` (B, frames, controls), and their pasts with the
    chunk before it. `levels` are the noise levels of the steps, 0 first, ascending: Euler steps on
    the straight path from noise to the clean latents. With a `guidance` other than 1, what actions
    change is made so many times as strong (classifier-free guidance, Ho & Salimans 2022). `settled`
    is what becomes of the numbers at the end, before their scenery is drawn."""
    c = model.config
    ends = context.last.last(c)
    cache = Cache(c, context.pasts, noise.picture, room=2)
    count = len(actions)
    at_once = settled if guidance == 1 else None  # what is guided is settled after it

    def single(x: Latents, level: float, known: float) -> Latents:
        out = model(
            x.map(lambda t: t[:, None]),
            ends.map(lambda t: t[:, None]),
            actions.new_full((count, 1), level),
            actions[:, None],
            actions.new_full((count, 1), known),
            text[:, None],
            cache,
            settled=at_once if level == levels[-1] else None,
        )
        return _clean(out)

    def guided(x: Latents, level: float, clean: Latents) -> Latents:
        if guidance == 1:
            return clean
        return mix(single(x, level, 0.0), clean, actions.new_full((count,), guidance))

    out = model(
        _pair(context.last, noise),
        _pair(context.before, ends),
        actions.new_tensor([[1.0, levels[0]]]).expand(count, -1),
        torch.stack([context.actions, actions], 1),
        actions.new_ones(count, 2),
        torch.stack([context.text, text], 1),
        cache,
        newest=True,
        settled=at_once if len(levels) == 1 else None,
    )
    pasts = [past.with_next(cache.keep(i), c.window) for i, past in enumerate(context.pasts)]
    cache.advance()
    x = noise
    clean = guided(x, levels[0], _clean(out))
    for before, level in itertools.pairwise(levels):
        x = mix(x, clean, actions.new_full((count,), share(before, level)))
        clean = guided(x, level, single(x, level, 1.0))
    if settled is not None and at_once is None:
        clean = model.with_numbers(clean, settled(clean.numbers, ends.numbers[:, -1]))
    return clean, pasts


def share(before: float, level: float) -> float:
    """Of the way to the clean latents that an Euler step from one noise level to the next goes."""
    return (level - before) / (1 - before)


def remember(model: Transformer, context: Context) -> list[Past]:
    """The pasts with the newest chunk, without making another."""
    cache = Cache(model.config, context.pasts, context.last.picture, room=1)
    count = len(context.actions)
    model(
        context.last.map(lambda t: t[:, None]),
        context.before.map(lambda t: t[:, None]),
        context.actions.new_ones(count, 1),
        context.actions[:, None],
        context.actions.new_ones(count, 1),
        context.text[:, None],
        cache,
    )
    return [
        past.with_next(cache.keep(i), model.config.window) for i, past in enumerate(context.pasts)
    ]


def noise_of(model: Transformer, seeds: Sequence[int], chunks: Sequence[int]) -> Latents:
    """What sampling starts from, (B, ...)."""
    c = model.config
    parts = []
    for seed, chunk in zip(seeds, chunks, strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + chunk) % 2**63)
        parts.append(Latents.noise(c, generator, 1))
    return Latents.cat(parts).map(lambda x: x.to(model.place))


def _clean(out: Latents) -> Latents:
    """The one chunk of a pass. Nothing that was encoded is as far from 0 as the limit: it keeps
    what a model gets wrong from growing without end."""
    return out.map(lambda t: t[:, 0].clamp(-_LARGEST, _LARGEST))


def _pair(first: Latents, second: Latents) -> Latents:
    return Latents(*(torch.stack(each, 1) for each in zip(first, second, strict=True)))
