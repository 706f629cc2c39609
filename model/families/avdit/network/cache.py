"""The KV cache of the T layers: one immutable block for each chunk, shared by all states that have
that chunk in their past. A fork costs nothing, and a block is freed with its last state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.runtime.attention import Plan, Planned
from lightcone.model.runtime.layers import rotary_tables, rotate


@dataclass(frozen=True)
class Block:
    """Keys, without rotary embedding, and values of one chunk: (T layers, 2, tokens, H, D) of
    float16."""

    data: Tensor


@dataclass(frozen=True)
class Past:
    """The chunks that the next one can see, oldest first: the sink, then a window."""

    blocks: tuple[Block, ...] = ()

    def with_next(self, block: Block, window: int) -> Past:
        """At most the sink and `window` - 1 others: the newest chunk, which a state holds beside
        its past, is part of the window."""
        blocks = (*self.blocks, block)
        if len(blocks) > window:
            blocks = (blocks[0], *blocks[2:])
        return Past(blocks)


class Cache:
    """The pasts of B states side by side, which passes read and add their chunks to.

    Here keys have their rotary embedding, computed once for all passes over the next chunk. Shapes
    are (T layers, B, tokens, H, length, D).
    """

    def __init__(self, c: AvditConfig, pasts: Sequence[Past], like: Tensor, room: int) -> None:
        """`room`: how many chunks are added."""
        length = self.length = max(len(past.blocks) for past in pasts)
        size = c.width // c.heads
        shape = (c.time_layers, 2, c.tokens, c.heads, size)
        empty = like.new_zeros(shape, dtype=torch.float16)
        self._empty = [length - len(past.blocks) for past in pasts]
        tables = rotary_tables(torch.arange(length + room, device=like.device), size)
        self._cos, self._sin = (table.to(like.dtype) for table in tables)
        whole = like.new_empty(2, c.time_layers, len(pasts), *shape[2:4], length + room, size)
        self._keys, self._values = whole
        self._new: list[tuple[Tensor, Tensor]] = []
        self._planned: dict[int, Planned] = {}
        for i, past in enumerate(pasts):
            blocks = [*[empty] * self._empty[i], *(block.data for block in past.blocks)]
            if not blocks:
                continue
            stacked = torch.stack(blocks, 4)  # (T, 2, tokens, H, length, D)
            for layer, (k, v) in enumerate(stacked):
                rotated = rotate(k.to(like.dtype), self._cos[:length], self._sin[:length])
                self._keys[layer, i, :, :, :length] = rotated
                self._values[layer, i, :, :, :length] = v

    def planned(self, chunks: int) -> Planned:
        """The next `chunks` see the past and one another causally. A shorter past ends where a
        longer one does: its empty slots come first."""
        if chunks not in self._planned:
            total = self.length + chunks
            spans = tuple(((empty, total),) for empty in self._empty)
            plan = Plan(chunks, total, spans, causal=True, repeat=self._keys.shape[2])
            self._planned[chunks] = Planned(plan, self._keys)
        return self._planned[chunks]

    def rotate(self, q: Tensor) -> Tensor:
        """Queries (..., C, D) of the next chunks."""
        at = slice(self.length, self.length + q.shape[-2])
        return rotate(q, self._cos[at], self._sin[at])

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(B, tokens, H, C, D) of the next chunks -> (B, tokens, H, length + C, D), the past before
        them."""
        self._new[layer:] = [(k, v)]
        end = self.length + k.shape[-2]
        self._keys[layer, ..., self.length : end, :] = self.rotate(k)
        self._values[layer, ..., self.length : end, :] = v
        return self._keys[layer, ..., :end, :], self._values[layer, ..., :end, :]

    def keep(self, row: int) -> Block:
        """What the last pass computed of the first of its chunks."""
        parts = [torch.stack([k[row, :, :, 0], v[row, :, :, 0]]) for k, v in self._new]
        return Block(torch.stack(parts).half())

    def advance(self) -> None:
        """The first chunk of the last pass is part of the past from now on."""
        self.length += 1
