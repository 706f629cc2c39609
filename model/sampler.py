"""Sampling the next chunk of one or many worlds, in 1, 2 or 4 steps.

The noise of a chunk depends on the world's seed and the chunk's index alone, so that a seed and
an action log give the same latents twice, whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.cache import Cache, join_cache, store
from model.cells import patchify
from model.scene import Scene
from model.transformer import Transformer


@dataclass(frozen=True)
class Latents:
    """One chunk of B worlds: its tokens, and what is the case in its frames."""

    picture: Tensor  # (B, P, picture_values)
    sound: Tensor  # (B, frames, sound_values)
    state: Tensor  # (B, frames, FACTS), float32

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


@dataclass(frozen=True)
class Scenery:
    """What worlds began with: `picture` (B, P, picture_values), the last frame of the first chunk
    in every frame, and `empty` (B, h, w), 1 where nothing that moves was near."""

    picture: Tensor
    empty: Tensor

    @staticmethod
    def cat(parts: Sequence[Scenery]) -> Scenery:
        return Scenery(torch.cat([p.picture for p in parts]), torch.cat([p.empty for p in parts]))


def prime(model: Transformer, first: Latents, told: Scene, keys: Tensor, values: Tensor) -> Scenery:
    """Write the sink: the first chunk, read clean. `told` is the scene of that chunk."""
    cache = join_cache([keys], [values], [-1])
    _pass(model, first, first, told, cache, 1.0, _no_actions(model, first))
    store(cache, [keys], [values])
    return Scenery(_newest(first.picture, model.config.frames), told.empty[:, 0])


def sample(
    model: Transformer,
    *,
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    scenery: Scenery,
    last: Latents,
    state: Tensor,
    told: Scene,
    actions: Tensor,
    indices: Sequence[int],
    seeds: Sequence[int],
    steps: int,
    still: float,
) -> Latents:
    """The next chunk of B worlds; the keys of the last pass stay in their rings.

    `state` (B, frames, FACTS) is what is the case in it, `told` its scene, `actions`
    (B, frames * buttons) what is held. Euler steps on the straight path from noise at tau 0 to
    the clean latents at tau 1 (rectified flow, Liu et al. 2022), with x-prediction. `still` is
    that of `settle`, `scenery` that of `anchor`.
    """
    cache = join_cache(keys, values, indices)
    x = _noise(last, state, seeds, indices)
    for i in range(steps):
        clean = _pass(model, x, last, told, cache, i / steps, actions)
        share = 1 / (steps - i)
        x = Latents(
            torch.lerp(x.picture, clean.picture, share),
            torch.lerp(x.sound, clean.sound, share),
            state,
        )
    store(cache, keys, values)
    picture = settle(x.picture, last.picture, model.config.frames, still)
    return Latents(anchor(picture, scenery, told.empty[:, 0]), x.sound, state)


STILL = 0.08  # standard deviations of the latents


def settle(picture: Tensor, last: Tensor, frames: int, still: float) -> Tensor:
    """Leave what hardly changes as it was: (B, P, values) -> the same.

    A token whose rms change since the last frame is below `still` is static scenery plus an
    error of prediction, which would add up over a long run; up to twice that it fades in. 0
    leaves all as predicted.
    """
    if not still:
        return picture
    newest = _newest(last, frames)
    change = picture - newest
    size = change.square().mean(-1, keepdim=True).sqrt()
    return newest + ((size - still) / still).clamp(0, 1) * change


def anchor(picture: Tensor, scenery: Scenery, empty: Tensor) -> Tensor:
    """Show scenery as the world began with it: (B, P, values) -> the same.

    The camera stands still, so a cell with nothing near it that moves, neither now (`empty`,
    (B, h, w)) nor when the world began, is what it was then. Without this, scenery fades where
    the player passes again and again.
    """
    share = patchify(torch.minimum(empty, scenery.empty)[:, None])  # (B, P, patch^2)
    share = share.repeat(1, 1, picture.shape[-1] // share.shape[-1]).to(picture.dtype)
    return torch.lerp(picture, scenery.picture, share)


def _newest(picture: Tensor, frames: int) -> Tensor:
    """The last frame of a chunk in place of every frame: (B, P, values) -> the same."""
    return picture[..., picture.shape[-1] // frames * (frames - 1) :].repeat(1, 1, frames)


def _pass(
    model: Transformer,
    x: Latents,
    last: Latents,
    told: Scene,
    cache: Cache,
    tau: float,
    actions: Tensor,
) -> Latents:
    picture, sound = model(
        x.picture[:, None],
        x.sound[:, None],
        last.picture[:, None],
        last.sound[:, None],
        x.picture.new_full((len(x.picture), 1), tau),
        actions[:, None],
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


def _no_actions(model: Transformer, like: Latents) -> Tensor:
    c = model.config
    return like.picture.new_zeros(len(like.picture), c.frames * c.buttons)
