"""Sampling the next chunk of one or many worlds, in 1, 2 or 4 steps.

The noise of a chunk depends on the world's seed and the chunk's index alone, so that a seed and
an action log give the same latents twice, whatever else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.scene import empty, scene
from model.transformer import Cache, Transformer, TransformerConfig, patchify


@dataclass(frozen=True)
class Latents:
    """Tokens of one chunk: picture (B, P, picture_values), sound (B, frames, sound_values); and
    what is the case in its frames, (B, frames, FACTS) in float32."""

    picture: Tensor
    sound: Tensor
    state: Tensor

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


def empty_cache(model: Transformer, like: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of one world: (T layers, tokens, H, 1 + window, D)."""
    c = model.config
    shape = (c.layers.count("T"), c.tokens, c.heads, 1 + c.window, c.width // c.heads)
    return like.new_zeros(shape), like.new_zeros(shape)


def prime(model: Transformer, first: Latents, keys: Tensor, values: Tensor) -> None:
    """Write the sink: the first chunk, read clean."""
    cache = join_cache(model, [keys], [values], [-1])
    _pass(model, first, first, cache, _constant(first, 1.0), _no_actions(model, first))
    _store(cache, [keys], [values])


def sample(
    model: Transformer,
    *,
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
    first: Latents,
    last: Latents,
    state: Tensor,
    actions: Tensor,
    indices: Sequence[int],
    seeds: Sequence[int],
    steps: int,
    still: float,
) -> Latents:
    """The next chunk of B worlds; the keys of the last pass stay in their rings.

    `state` (B, frames, FACTS) is what is the case in it, `actions` (B, frames * buttons) what is
    held. Euler steps on the straight path from noise at tau 0 to
    the clean latents at tau 1 (rectified flow, Liu et al. 2022), with x-prediction. `still` is
    that of `settle`; `first` is the chunk that each world began with, see `anchor`.
    """
    cache = join_cache(model, keys, values, indices)
    x = _noise(last, state, seeds, indices)
    for i in range(steps):
        clean = _pass(model, x, last, cache, _constant(last, i / steps), actions)
        share = 1 / (steps - i)
        x = Latents(
            torch.lerp(x.picture, clean.picture, share),
            torch.lerp(x.sound, clean.sound, share),
            state,
        )
    _store(cache, keys, values)
    picture = settle(x.picture, last.picture, model.config.frames, still)
    return Latents(anchor(picture, first, state, model.config), x.sound, state)


STILL = 0.08  # standard deviations of the latents


def settle(picture: Tensor, last: Tensor, frames: int, still: float) -> Tensor:
    """Leave what hardly changes as it was: (B, P, values) -> the same.

    A token whose rms change since the last frame is below `still` is static scenery plus an
    error of prediction, which would add up over a long run; up to twice that it fades in. 0
    leaves all as predicted.
    """
    if not still:
        return picture
    newest = last[..., last.shape[-1] // frames * (frames - 1) :].repeat(1, 1, frames)
    change = picture - newest
    size = change.square().mean(-1, keepdim=True).sqrt()
    return newest + ((size - still) / still).clamp(0, 1) * change


def anchor(picture: Tensor, first: Latents, state: Tensor, config: TransformerConfig) -> Tensor:
    """Show scenery as the world began with it: (B, P, values) -> the same.

    The camera stands still, so a cell with nothing near it that moves, now and then, is what it
    was in the first chunk. Without this, scenery fades where the player passes again and again.
    """
    bare = empty((first.state, state), config.cells_shape)
    cells = patchify(bare[:, None, None, None])[:, 0]  # (B, P, patch^2)
    share = cells.repeat(1, 1, picture.shape[-1] // cells.shape[-1]).to(picture.dtype)
    newest = first.picture[..., picture.shape[-1] // config.frames * (config.frames - 1) :]
    return torch.lerp(picture, newest.repeat(1, 1, config.frames), share)


def _pass(
    model: Transformer, x: Latents, last: Latents, cache: Cache, tau: Tensor, actions: Tensor
) -> Latents:
    shape = model.config.cells_shape
    told = scene(last.state[:, None], x.state[:, None], shape, x.picture.dtype)
    picture, sound = model(
        x.picture[:, None],
        x.sound[:, None],
        last.picture[:, None],
        last.sound[:, None],
        tau[:, None],
        actions[:, None],
        told,
        cache=cache,
    )
    return Latents(picture[:, 0], sound[:, 0], x.state)


def join_cache(
    model: Transformer, keys: Sequence[Tensor], values: Sequence[Tensor], indices: Sequence[int]
) -> Cache:
    """Join the rings of worlds whose chunk at hand has the given index; -1 is the sink."""
    if len(keys) == 1:
        return cache_at(model, keys[0][:, None], values[0][:, None], indices)
    return cache_at(model, torch.stack(list(keys), 1), torch.stack(list(values), 1), indices)


def cache_at(model: Transformer, keys: Tensor, values: Tensor, indices: Sequence[int]) -> Cache:
    """Joined rings (T layers, B, N, H, 1 + window, D) when it is the turn of these chunks."""
    window = model.config.window
    slots = torch.arange(1, window + 1)
    slot, position, mask, now = [], [], [], []
    for index in indices:
        at = 0 if index < 0 else 1 + index % window
        here = min(index + 1, window)
        age = (index - (slots - 1)) % window  # chunks since the slot was written
        filled = (age <= index) & (index >= 0)
        position.append(torch.cat([torch.zeros(1, dtype=torch.long), (here - age).clamp_min(0)]))
        readable = torch.cat([torch.ones(1, dtype=torch.bool), filled])
        mask.append(torch.where(readable, 0.0, float("-inf")))
        slot.append(at)
        now.append(here if index >= 0 else 0)
    device = keys.device
    return Cache(
        keys=keys,
        values=values,
        slot=torch.tensor(slot, device=device),
        position=torch.stack(position).to(device),
        mask=torch.stack(mask).to(device),
        now=torch.tensor(now, device=device),
    )


def _store(cache: Cache, keys: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy the written slots back where the batch was a copy; a single world's is a view."""
    if len(keys) == 1:
        return
    for i, slot in enumerate(cache.slot.tolist()):
        keys[i][..., slot, :] = cache.keys[:, i, ..., slot, :]
        values[i][..., slot, :] = cache.values[:, i, ..., slot, :]


def _noise(like: Latents, state: Tensor, seeds: Sequence[int], indices: Sequence[int]) -> Latents:
    pictures, sounds = [], []
    for seed, index in zip(seeds, indices, strict=True):
        generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
        picture = torch.randn(like.picture.shape[1:], generator=generator)
        sound = torch.randn(like.sound.shape[1:], generator=generator)
        pictures.append(picture.to(like.picture))
        sounds.append(sound.to(like.sound))
    return Latents(torch.stack(pictures), torch.stack(sounds), state)


def _constant(like: Latents, tau: float) -> Tensor:
    return torch.full((len(like.picture),), tau, device=like.picture.device)


def _no_actions(model: Transformer, like: Latents) -> Tensor:
    c = model.config
    return like.picture.new_zeros(len(like.picture), c.frames * c.buttons)
