"""Sampling the next chunk of one or many states in a few steps, and its clean pass for the caches:
as in the wan family, with a picture and actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.matrix_game.network.cache import ActedCache
from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.wan.network.cache import Block, Past
from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.sampler import CLEAN, Finish, at, denoised
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.network.transformer import TextKeys


@dataclass(frozen=True)
class Rows:
    """B states side by side: their pasts, the positions of their next latents, those of their
    pictures with the mask (B, F, MASK_CHANNELS + C, rows, columns), the keys of their pictures, and
    what the next latents see of keys and mouse (B, F, frames_seen, ...)."""

    pasts: Sequence[Past]
    starts: Sequence[int]
    known: Tensor
    picture: TextKeys
    keys: Tensor
    mouse: Tensor


def begun(
    model: MatrixGameTransformer,
    window: Window,
    rows: Rows,
    noise: Tensor,
    timesteps: Sequence[float],
    store: Store,
) -> tuple[Tensor, Finish]:
    """The latents (B, chunk, C, rows, columns) of the next chunk of each state, and what makes
    their pasts with it, which is one pass more. `noise`: (steps, B, chunk, C, rows, columns);
    `timesteps` descend from 1000. From the first pass on, nothing waits for the device."""
    cache = _cache(model, window, rows, noise)

    def flow(x: Tensor, timestep: float) -> Tensor:
        out: Tensor = model(torch.cat([x, rows.known], 2), at(timestep, x), rows.picture, cache)
        return out

    clean = denoised(flow, noise, timesteps)

    def finish() -> list[Past]:
        kept = _read(model, rows, clean, cache, store)
        return [
            past.followed_by(block, window) for past, block in zip(rows.pasts, kept, strict=True)
        ]

    return clean, finish


def sample(
    model: MatrixGameTransformer,
    window: Window,
    rows: Rows,
    noise: Tensor,
    timesteps: Sequence[float],
    store: Store,
) -> tuple[Tensor, list[Past]]:
    """The latents of `begun`, and the pasts with them."""
    latents, finish = begun(model, window, rows, noise, timesteps, store)
    return latents, finish()


def blocks_of(
    model: MatrixGameTransformer, window: Window, rows: Rows, latents: Tensor, store: Store
) -> list[list[Block]]:
    """Of clean latents (B, chunk, C, rows, columns) after their pasts."""
    return _read(model, rows, latents, _cache(model, window, rows, latents), store)


def _cache(model: MatrixGameTransformer, window: Window, rows: Rows, like: Tensor) -> ActedCache:
    return ActedCache(
        model.config, window, rows.pasts, rows.starts, rows.keys, rows.mouse, like.new_empty(0)
    )


def _read(
    model: MatrixGameTransformer, rows: Rows, latents: Tensor, cache: ActedCache, store: Store
) -> list[list[Block]]:
    model.read(torch.cat([latents, rows.known], 2), at(CLEAN, latents), rows.picture, cache)
    return [cache.keep(row, start, store) for row, start in enumerate(rows.starts)]
