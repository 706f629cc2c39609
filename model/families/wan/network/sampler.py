"""Sampling the next chunk of one or many states in a few steps, and its clean pass for the cache.

Few-step sampling as in Self-Forcing (arXiv 2506.08009): each step predicts the clean latents, to
which new noise of the next level is added. The noise of a chunk depends on the seed and the chunk's
index alone, so a seed and an action log give the same latents to the bit in batches of the same
size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.wan.network.cache import Block, Cache, Past
from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.network.transformer import TextKeys, WanTransformer

SHIFT = 5.0  # of the flow-match schedule (Esser et al. 2024) of all models here
CLEAN = 0.0  # the timestep of latents that go into the cache
_END = 1000.0  # the timestep of noise

Finish = Callable[[], list[Past]]
"""Makes the pasts of rows with a chunk, whose latents are known already."""


@dataclass(frozen=True)
class Rows:
    """B states side by side: their pasts, the positions of their next latents, and the keys of
    their texts."""

    pasts: Sequence[Past]
    starts: Sequence[int]
    text: TextKeys


def shifted(steps: Sequence[float], shift: float = SHIFT) -> tuple[float, ...]:
    """Timesteps of the schedule at these of an even one: 1000, 750, 500, 250 become 1000, 937.5,
    833.3 and 625."""
    even = [step / _END for step in steps]
    return tuple(_END * shift * s / (1 + (shift - 1) * s) for s in even)


def begun(
    model: WanTransformer,
    window: Window,
    rows: Rows,
    noise: Tensor,
    timesteps: Sequence[float],
    store: Store,
) -> tuple[Tensor, Finish]:
    """The latents (B, chunk, C, rows, columns) of the next chunk of each state, and what makes
    their pasts with it, which is one pass more. `noise`: (steps, B, chunk, C, rows, columns);
    `timesteps` descend from 1000. From the first pass on, nothing waits for the device."""
    cache = Cache(model.config, window, rows.pasts, rows.starts, noise.shape[2], noise)
    clean = denoised(lambda x, t: model(x, at(t, x), rows.text, cache), noise, timesteps)

    def finish() -> list[Past]:
        model.read(clean, at(CLEAN, clean), rows.text, cache)
        return [
            past.followed_by(cache.keep(row, start, store), window)
            for row, (past, start) in enumerate(zip(rows.pasts, rows.starts, strict=True))
        ]

    return clean, finish


def sample(
    model: WanTransformer,
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
    model: WanTransformer, window: Window, latents: Tensor, text: TextKeys, past: Past, start: int,
    store: Store,
) -> list[Block]:  # fmt: skip
    """Of clean latents (F, C, rows, columns) of one state after its past, F a multiple of a
    chunk's, all in one pass in which they see one another, as LongLive computes its cache anew."""
    cache = Cache(model.config, window, [past], [start], len(latents), latents)
    model.read(latents[None], at(CLEAN, latents[None]), text, cache)
    return cache.keep(0, start, store)


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


def at(timestep: float, latents: Tensor) -> Tensor:
    """(B, F) for latents (B, F, ...)."""
    return torch.full(latents.shape[:2], timestep, device=latents.device)
