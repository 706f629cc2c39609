"""The KV cache of the T layers: one immutable block for each chunk, shared by all states that have
that chunk in their past. A fork costs nothing, and a block is freed with its last state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.avdit.network.config import AvditConfig


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
        """At most the sink and `window` - 1 others: the chunk that is made is part of its
        window."""
        blocks = (*self.blocks, block)
        if len(blocks) > window:
            blocks = (blocks[0], *blocks[2:])
        return Past(blocks)


class Cache:
    """The pasts of B states side by side, which a pass reads and adds its chunks to."""

    def __init__(self, c: AvditConfig, pasts: Sequence[Past], like: Tensor) -> None:
        self.length = max(len(past.blocks) for past in pasts)
        shape = (c.time_layers, 2, c.tokens, c.heads, c.width // c.heads)
        empty = like.new_zeros(shape, dtype=torch.float16)
        rows = []
        self.mask = torch.zeros(len(pasts), self.length, device=like.device)
        for i, past in enumerate(pasts):
            missing = self.length - len(past.blocks)
            self.mask[i, :missing] = float("-inf")
            rows.append(
                torch.stack([*[empty] * missing, *(block.data for block in past.blocks)], 3)
                if self.length
                else empty.new_zeros(*shape[:3], 0, *shape[3:])
            )
        self._past = torch.stack(rows, 2).to(like.dtype)  # (T, 2, B, tokens, length, H, D)
        self._new: list[tuple[Tensor, Tensor]] = []

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, N, H, D) of new chunks -> (B, length + C, N, H, D), the past before them."""
        self._new.append((k, v))
        past_k, past_v = self._past[layer].transpose(2, 3)  # (B, length, N, H, D)
        return torch.cat([past_k, k], 1), torch.cat([past_v, v], 1)

    def block(self, row: int, chunk: int) -> Block:
        """What the pass kept of one of its chunks."""
        parts = [torch.stack([k[row, chunk], v[row, chunk]]) for k, v in self._new]
        return Block(torch.stack(parts).half())
