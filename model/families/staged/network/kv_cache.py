"""The KV cache of the T layers: a ring with a sink when serving, a growing list when training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.network.config import TransformerConfig


@dataclass
class Cache:
    """Keys and values of the T layers for B worlds, written in place at `slots`.

    Slot 0 is the sink, slots 1 to `window` the ring. `position` (B, 1 + window) numbers the
    slots in time, `mask` (B, 1 + window) is 0 where a slot may be read and -inf elsewhere;
    `now` (B,) is the position of the chunk at hand.
    """

    keys: Tensor  # (T layers, B, tokens, H, 1 + window, D), without rotary embedding
    values: Tensor
    slots: list[int]  # of each world, where the chunk at hand is written
    position: Tensor
    mask: Tensor
    now: Tensor

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put the chunk at hand into its slot; (B, N, H, 1, D) -> all slots."""
        keys, values = self.keys[layer], self.values[layer]
        for world, slot in enumerate(self.slots):
            keys[world, :, :, slot] = k[world, :, :, 0]
            values[world, :, :, slot] = v[world, :, :, 0]
        return keys, values


class Unrolled:
    """A cache that gradients flow through: every chunk of a training sequence so far, from the
    sink on, at most 1 + window of them."""

    def __init__(self, config: TransformerConfig) -> None:
        count = config.layers.count("T")
        self.keys: list[list[Tensor]] = [[] for _ in range(count)]
        self.values: list[list[Tensor]] = [[] for _ in range(count)]

    @property
    def chunks(self) -> int:
        return len(self.keys[0])

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the chunk at hand; (B, N, H, 1, D) -> all chunks."""
        self.keys[layer].append(k)
        self.values[layer].append(v)
        return torch.cat(self.keys[layer], 3), torch.cat(self.values[layer], 3)


def empty_cache(c: TransformerConfig, like: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of one world: (T layers, tokens, H, 1 + window, D)."""
    shape = (c.layers.count("T"), c.tokens, c.heads, 1 + c.window, c.width // c.heads)
    return like.new_zeros(shape), like.new_zeros(shape)


def join_cache(keys: Sequence[Tensor], values: Sequence[Tensor], indices: Sequence[int]) -> Cache:
    """Join the rings of worlds whose chunk at hand has the given index; -1 is the sink."""
    if len(keys) == 1:
        return cache_at(keys[0][:, None], values[0][:, None], indices)
    return cache_at(torch.stack(list(keys), 1), torch.stack(list(values), 1), indices)


def cache_at(keys: Tensor, values: Tensor, indices: Sequence[int], since: int = 0) -> Cache:
    """Joined rings (T layers, B, N, H, 1 + window, D) when it is the turn of these chunks. Those
    before `since` were never written."""
    window = keys.shape[-2] - 1
    slots = torch.arange(1, window + 1)
    slot, position, mask, now = [], [], [], []
    for index in indices:
        at = 0 if index < 0 else 1 + index % window
        here = min(index + 1, window)
        age = (index - (slots - 1)) % window  # chunks since the slot was written
        filled = (age <= index - since) & (index >= 0)
        position.append(torch.cat([torch.zeros(1, dtype=torch.long), (here - age).clamp_min(0)]))
        readable = torch.cat([torch.ones(1, dtype=torch.bool), filled])
        mask.append(torch.where(readable, 0.0, float("-inf")))
        slot.append(at)
        now.append(here if index >= 0 else 0)
    device = keys.device
    return Cache(
        keys=keys,
        values=values,
        slots=slot,
        position=torch.stack(position).to(device),
        mask=torch.stack(mask).to(device),
        now=torch.tensor(now, device=device),
    )


def store(cache: Cache, keys: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy the written slots back where the batch was a copy; a single world's is a view."""
    if len(keys) == 1:
        return
    for i, slot in enumerate(cache.slots):
        keys[i][..., slot, :] = cache.keys[:, i, ..., slot, :]
        values[i][..., slot, :] = cache.values[:, i, ..., slot, :]
