"""The KV cache of the T layers: a ring with a sink when serving, a growing list when training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.runtime.attention import Plan, Planned, Span


@dataclass(frozen=True)
class Ring:
    """Keys and values of B states: (T layers, B, tokens, H, 1 + window, D), without rotary
    embedding. Slot 0 is the sink, slots 1 to `window` the ring.

    Nothing writes to a ring that is part of a state: a step works on a copy.
    """

    keys: Tensor
    values: Tensor

    def split(self) -> list[Ring]:
        """Each state, its batch axis kept, in memory of its own."""
        if self.keys.shape[1] == 1:
            return [self]
        parts = zip(self.keys.split(1, 1), self.values.split(1, 1), strict=True)
        return [Ring(keys.clone(), values.clone()) for keys, values in parts]

    @staticmethod
    def cat(parts: Sequence[Ring]) -> Ring:
        """Always a copy."""
        return Ring(torch.cat([p.keys for p in parts], 1), torch.cat([p.values for p in parts], 1))


@dataclass
class Cache:
    """A ring that is written in place at `slots`, and what a pass needs to read it.

    `position` (B, 1 + window) numbers the slots in time, `planned` names those that are read; `now`
    (B,) is the position of the chunk that is generated.
    """

    ring: Ring
    rows: Tensor  # (B,), 0 to B - 1
    slots: Tensor  # (B,), where the chunk that is generated is written
    position: Tensor
    planned: Planned
    now: Tensor

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put the generated chunk into its slots; (B, N, H, 1, D) -> all slots."""
        keys, values = self.ring.keys[layer], self.ring.values[layer]
        keys[self.rows, :, :, self.slots] = k[:, :, :, 0]
        values[self.rows, :, :, self.slots] = v[:, :, :, 0]
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
        """Add the generated chunk; (B, N, H, 1, D) -> all chunks."""
        self.keys[layer].append(k)
        self.values[layer].append(v)
        return torch.cat(self.keys[layer], 3), torch.cat(self.values[layer], 3)


def empty_ring(c: TransformerConfig, like: Tensor, batch: int = 1) -> Ring:
    shape = (c.layers.count("T"), batch, c.tokens, c.heads, 1 + c.window, c.width // c.heads)
    return Ring(like.new_zeros(shape), like.new_zeros(shape))


def cache_at(ring: Ring, chunks: Sequence[int], since: int = 0) -> Cache:
    """The cache in which these chunks are generated next, which writes to `ring`; chunk -1 is the
    sink. Chunks before `since` were never written."""
    device = ring.keys.device
    window = ring.keys.shape[-2] - 1
    chunk = torch.tensor(chunks)[:, None]
    here = (chunk + 1).clamp(max=window)
    age = (chunk - torch.arange(window)) % window  # chunks since the slot was written
    sink = torch.zeros(len(chunks), 1, dtype=torch.long)
    spans = tuple(_filled(index, since, window) for index in chunks)
    plan = Plan(1, 1 + window, spans, repeat=ring.keys.shape[2])
    return Cache(
        ring=ring,
        rows=torch.arange(len(chunks), device=device),
        slots=torch.where(chunk < 0, 0, 1 + chunk % window)[:, 0].to(device),
        position=torch.cat([sink, (here - age).clamp_min(0)], 1).to(device),
        planned=Planned(plan, ring.keys),
        now=here[:, 0].to(device),
    )


def _filled(chunk: int, since: int, window: int) -> tuple[Span, ...]:
    """The sink, and the slots of the chunks from `since` to `chunk`, at most `window` of them."""
    count = min(window, chunk - since + 1)
    if chunk < 0 or count <= 0:
        return ((0, 1),)
    if count == window:
        return ((0, 1 + window),)
    end = 2 + chunk % window
    start = end - count
    if start >= 1:
        return ((0, 1), (start, end))
    return ((0, 1), (1, end), (start + window, 1 + window))
