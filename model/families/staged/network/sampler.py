"""Sampling the next chunk of one or many states, in 1, 2 or 4 steps.

The noise of a chunk depends on the seed and the chunk's index alone. A seed and an action log
therefore give the same latents to the bit in batches of the same size, and to rounding in others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.network.kv_cache import Cache, Ring, cache_at
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.network.transformer import Transformer

FIRST = -1  # index of the chunk before all others, which becomes the sink


@dataclass(frozen=True)
class Latents:
    """One chunk of B states: its latents, and the facts of its frames."""

    picture: Tensor  # (B, depth, h, w)
    sound: Tensor  # (B, frames, sound_values)
    state: Tensor  # (B, frames, COUNT), float32

    def __getitem__(self, i: int) -> Latents:
        """State `i`, its batch axis kept: a view."""
        one = slice(i, i + 1)
        return Latents(self.picture[one], self.sound[one], self.state[one])

    def split(self) -> list[Latents]:
        """Each state, its batch axis kept, in memory of its own."""
        if len(self.picture) == 1:
            return [self]
        parts = zip(self.picture.split(1), self.sound.split(1), self.state.split(1), strict=True)
        return [Latents(*(x.clone() for x in part)) for part in parts]

    @staticmethod
    def cat(parts: Sequence[Latents]) -> Latents:
        if len(parts) == 1:
            return parts[0]
        return Latents(
            torch.cat([p.picture for p in parts]),
            torch.cat([p.sound for p in parts]),
            torch.cat([p.state for p in parts]),
        )


def nothing(model: Transformer, state: Tensor) -> Latents:
    """What comes before the first chunk, whose facts are `state` (B, frames, COUNT)."""
    c = model.config
    like = model.place
    return Latents(
        like.new_zeros(len(state), c.depth, c.size.rows, c.size.columns),
        like.new_zeros(len(state), c.frames, c.sound_values),
        state,
    )


def sample(
    model: Transformer,
    *,
    ring: Ring,
    last: Latents,
    state: Tensor,
    scene: Scene,
    chunks: Sequence[int],
    seeds: Sequence[int],
    steps: int,
) -> Latents:
    """The next chunk of B states; the keys of the last pass are written to `ring`.

    `state` (B, frames, COUNT) are the facts of it, `scene` its scene. Euler steps on the straight
    path from noise at tau 0 to the clean latents at tau 1 (rectified flow, Liu et al. 2022), with
    x-prediction.
    """
    cache = cache_at(ring, chunks)
    x = noise(last, state, seeds, chunks, steps)
    for i in range(steps):
        clean = _pass(model, x, last, scene, cache, i / steps)
        x = clean if i == steps - 1 else _mixed(x, clean, 1 / (steps - i))
    return x


def reread(
    model: Transformer,
    *,
    ring: Ring,
    chunk: Latents,
    last: Latents,
    scene: Scene,
    at: int,
    since: int = 0,
    tau: float = 1.0,
) -> None:
    """Write the keys of a known chunk of one state to `ring`, which knows chunks from `since` on.
    `chunk` is at noise level `tau`: 1 is clean, as a still to start from."""
    _pass(model, chunk, last, scene, cache_at(ring, [at], since), tau)


def at_last_pass(chunk: Latents, seed: int, at: int, steps: int) -> tuple[Latents, float]:
    """The input and the noise level of the last pass of `sample` when it generated this chunk of
    one state: the keys in a ring are of that pass. With several steps it is near that, since what
    the pass before it had predicted is not kept."""
    tau = (steps - 1) / steps
    return _mixed(noise(chunk, chunk.state, [seed], [at], steps), chunk, tau), tau


def noise(
    like: Latents, state: Tensor, seeds: Sequence[int], chunks: Sequence[int], steps: int
) -> Latents:
    """What sampling starts from. With one step that is nothing: the transformer scales its input
    by a noise level of 0."""
    if steps == 1:
        return Latents(torch.zeros_like(like.picture), torch.zeros_like(like.sound), state)
    pictures, sounds = [], []
    for seed, chunk in zip(seeds, chunks, strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + chunk) % 2**63)
        pictures.append(torch.randn(like.picture.shape[1:], generator=generator))
        sounds.append(torch.randn(like.sound.shape[1:], generator=generator))
    return Latents(
        torch.stack(pictures).to(like.picture), torch.stack(sounds).to(like.sound), state
    )


def _mixed(x: Latents, clean: Latents, share: float) -> Latents:
    return Latents(
        torch.lerp(x.picture, clean.picture, share),
        torch.lerp(x.sound, clean.sound, share),
        clean.state,
    )


def _pass(
    model: Transformer, x: Latents, last: Latents, scene: Scene, cache: Cache, tau: float
) -> Latents:
    picture, sound = model(
        x.picture[:, None],
        x.sound[:, None],
        last.picture[:, None],
        last.sound[:, None],
        x.picture.new_full((len(x.picture), 1), tau),
        scene,
        cache=cache,
    )
    return Latents(picture[:, 0], sound[:, 0], x.state)
