"""Sampling the next chunk of one or many worlds, in 1, 2 or 4 steps.

The noise of a chunk depends on the world's seed and the chunk's index alone, so that a seed and
an action log give the same latents twice, whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.network.kv_cache import (
    Cache,
    cache_at,
    join_cache,
    store,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.network.transformer import Transformer

FIRST = -1  # index of the chunk that a world begins with, which becomes the sink


@dataclass(frozen=True)
class Latents:
    """One chunk of B worlds: its latents, and what is the case in its frames."""

    picture: Tensor  # (B, depth, h, w)
    sound: Tensor  # (B, frames, sound_values)
    state: Tensor  # (B, frames, COUNT), float32

    def __getitem__(self, i: int) -> Latents:
        """World `i`, its batch axis kept."""
        one = slice(i, i + 1)
        return Latents(self.picture[one], self.sound[one], self.state[one])

    @staticmethod
    def cat(parts: Sequence[Latents]) -> Latents:
        return Latents(
            torch.cat([p.picture for p in parts]),
            torch.cat([p.sound for p in parts]),
            torch.cat([p.state for p in parts]),
        )


def nothing(model: Transformer, state: Tensor) -> Latents:
    """What comes before a world's first chunk, whose facts are `state` (B, frames, COUNT)."""
    c = model.config
    like = model.place
    return Latents(
        like.new_zeros(len(state), c.depth, c.size.rows, c.size.columns),
        like.new_zeros(len(state), c.frames, c.sound_values),
        state,
    )


def reread(
    model: Transformer, chunk: Latents, last: Latents, told: Scene, keys: Tensor, values: Tensor,
    index: int, since: int = 0,
) -> None:  # fmt: skip
    """Write the keys of a chunk of one world that is known, such as a picture to begin from or
    one that was made under another prompt: it is read clean. The rings know chunks from `since`
    on."""
    cache = cache_at(keys[:, None], values[:, None], [index], since)
    _pass(model, chunk, last, told, cache, 1.0)


def sample(
    model: Transformer,
    *,
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    last: Latents,
    state: Tensor,
    told: Scene,
    indices: Sequence[int],
    seeds: Sequence[int],
    steps: int,
) -> Latents:
    """The next chunk of B worlds; the keys of the last pass stay in their rings.

    `state` (B, frames, COUNT) is what is the case in it, `told` its scene. Euler steps on the
    straight path from noise at tau 0 to the clean latents at tau 1 (rectified flow, Liu et al.
    2022), with x-prediction.
    """
    cache = join_cache(keys, values, indices)
    x = _noise(last, state, seeds, indices)
    for i in range(steps):
        clean = _pass(model, x, last, told, cache, i / steps)
        share = 1 / (steps - i)
        x = Latents(
            torch.lerp(x.picture, clean.picture, share),
            torch.lerp(x.sound, clean.sound, share),
            state,
        )
    store(cache, keys, values)
    return x


def _pass(
    model: Transformer, x: Latents, last: Latents, told: Scene, cache: Cache, tau: float
) -> Latents:
    picture, sound = model(
        x.picture[:, None],
        x.sound[:, None],
        last.picture[:, None],
        last.sound[:, None],
        x.picture.new_full((len(x.picture), 1), tau),
        told,
        cache=cache,
    )
    return Latents(picture[:, 0], sound[:, 0], x.state)


def _noise(like: Latents, state: Tensor, seeds: Sequence[int], indices: Sequence[int]) -> Latents:
    pictures, sounds = [], []
    for seed, index in zip(seeds, indices, strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
        picture = torch.randn(like.picture.shape[1:], generator=generator)
        sound = torch.randn(like.sound.shape[1:], generator=generator)
        pictures.append(picture.to(like.picture))
        sounds.append(sound.to(like.sound))
    return Latents(torch.stack(pictures), torch.stack(sounds), state)
