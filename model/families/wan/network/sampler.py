"""Sampling the next chunk of one or many states in a few steps, and its clean pass for the cache.

Few-step sampling as in Self-Forcing (arXiv 2506.08009): each step predicts the clean latents, to
which new noise of the next level is added. The noise of a chunk depends on the seed and the chunk's
index alone, so a seed and an action log give the same latents to the bit in batches of the same
size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lightcone.model.families.wan.network.cache import Block, Past
from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.passes import Pass, Rows
from lightcone.model.families.wan.network.replayed import AS_THEY_ARE, Passes
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.network.transformer import Backbone

SHIFT = 5.0  # of the flow-match schedule (Esser et al. 2024) of all models here
_END = 1000.0  # the timestep of noise

Finish = Callable[[], list[Past]]
"""Makes the pasts of rows with a chunk, whose latents are known already."""


def shifted(steps: Sequence[float], shift: float = SHIFT) -> tuple[float, ...]:
    """Timesteps of the schedule at these of an even one: 1000, 750, 500, 250 become 1000, 937.5,
    833.3 and 625."""
    even = [step / _END for step in steps]
    return tuple(_END * shift * s / (1 + (shift - 1) * s) for s in even)


def begun(
    model: Backbone,
    window: Window,
    rows: Rows,
    noise: Tensor,
    timesteps: Sequence[float],
    store: Store,
    passes: Passes = AS_THEY_ARE,
) -> tuple[Tensor, Finish]:
    """The latents (B, chunk, C, rows, columns) of the next chunk of each state, and what makes
    their pasts with it, which is one pass more. `noise`: (steps, B, chunk, C, rows, columns);
    `timesteps` descend from 1000. From the first pass on, nothing waits for the device."""
    one = passes.take(model, window, rows, noise[0])
    clean = denoised(one.flow, noise, timesteps)

    def finish() -> list[Past]:
        try:
            one.read(clean)
            kept = one.keep(store)
        finally:
            passes.give_back(one)
        return [
            past.followed_by(blocks, window) for past, blocks in zip(rows.pasts, kept, strict=True)
        ]

    return clean, finish


def sample(
    model: Backbone,
    window: Window,
    rows: Rows,
    noise: Tensor,
    timesteps: Sequence[float],
    store: Store,
) -> tuple[Tensor, list[Past]]:
    """The latents of `begun`, and the pasts with them."""
    latents, finish = begun(model, window, rows, noise, timesteps, store)
    return latents, finish()


def denoised(
    flow: Callable[[Tensor, float], Tensor], noise: Tensor, timesteps: Sequence[float]
) -> Tensor:
    """Clean latents, of the first of `noise` (steps, B, ...), with new noise of the next level
    after each step. `flow` of noisy ones and their timestep is noise - clean."""
    precise = torch.promote_types(noise.dtype, torch.float32)
    x = clean = noise[0]
    for i, timestep in enumerate(timesteps):
        predicted = flow(x, timestep)
        clean = (x.to(precise) - timestep / _END * predicted.to(precise)).to(x.dtype)
        if i + 1 < len(timesteps):
            x = torch.lerp(clean, noise[i + 1], timesteps[i + 1] / _END)
    return clean


def blocks_of(
    model: Backbone, window: Window, rows: Rows, latents: Tensor, store: Store
) -> list[list[Block]]:
    """Of clean latents (B, F, C, rows, columns) after their pasts, by row, F a multiple of a
    chunk's: all in one pass in which they see one another, as LongLive computes its cache anew."""
    one = Pass(model, window, rows, latents)
    one.read(latents)
    return one.keep(store)


def noise_of(
    c: WanConfig, chunk: int, steps: int, seeds: Sequence[int], chunks: Sequence[int], like: Tensor
) -> Tensor:
    """(steps, B, chunk, C, rows, columns) of unit normal numbers, drawn on the CPU. With fewer
    steps it is the beginning of that with more."""
    drawn = []
    for seed, index in zip(seeds, chunks, strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
        shape = (chunk, c.channels, c.rows, c.columns)
        drawn.append(torch.stack([torch.randn(shape, generator=generator) for _ in range(steps)]))
    return torch.stack(drawn, 1).to(like)
