"""The KV cache: one immutable block for each chunk, shared by all states that have it in their
past. A fork costs nothing, and a block is freed with its last state.

Keys are kept without rotary embedding, so a block can move within the window, and no table of
positions ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.rotary import Tables, rotate, tables
from lightcone.model.runtime.attention import attend


@dataclass(frozen=True)
class Block:
    """Keys, without rotary embedding, and values of one chunk: (layers, 2, H, tokens, D). Its first
    latent is at position `first` of the video."""

    data: Tensor
    first: int


@dataclass(frozen=True)
class Past:
    """The chunks that the next one can see, oldest first: the sink, then the newest."""

    blocks: tuple[Block, ...] = ()

    def followed_by(self, blocks: Sequence[Block], window: Window) -> Past:
        """After these chunks: what does not fit beside the next one is gone, but not the sink."""
        every = (*self.blocks, *blocks)
        most = window.size // window.chunk - 1
        if len(every) <= most:
            return Past(every)
        sink = window.sink // window.chunk
        return Past((*every[:sink], *every[len(every) - (most - sink) :]))

    @property
    def positions(self) -> tuple[int, ...]:
        """Of the first latents of its blocks."""
        return tuple(block.first for block in self.blocks)


class Cache:
    """The pasts of B states side by side, of equal length, for the passes over the next latents.

    Here keys have their rotary embedding, computed once for all passes. Shapes are
    (layers, B, H, N, D). It is a `Context` of the transformer.
    """

    def __init__(
        self, c: WanConfig, window: Window, pasts: Sequence[Past], starts: Sequence[int],
        latents: int, like: Tensor,
    ) -> None:  # fmt: skip
        """The next `latents` of row b begin at position `starts[b]` of its video."""
        lengths = {len(past.blocks) for past in pasts}
        if len(lengths) != 1:
            raise ValueError("pasts of different lengths do not fit side by side")
        self._chunk, self._tokens = window.chunk, c.tokens
        block_tokens = window.chunk * c.tokens
        self._length = lengths.pop() * block_tokens
        self._tables = _tables(c, window, pasts, starts, latents, like)
        shape = (c.layers, len(pasts), c.heads, self._length + latents * c.tokens, c.head_size)
        self._keys, self._values = like.new_empty(shape), like.new_empty(shape)
        self._new: list[tuple[Tensor, Tensor]] = []
        for row, past in enumerate(pasts):
            for i, block in enumerate(past.blocks):
                start, end = i * block_tokens, (i + 1) * block_tokens
                turns = self._tables.row(row).tokens(start, end)
                self._keys[:, row, :, start:end] = rotate(block.data[:, 0], turns)
                self._values[:, row, :, start:end] = block.data[:, 1]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        self._new[layer:] = [(k, v)]
        here = self._tables.tokens(self._length)
        self._keys[layer, :, :, self._length :] = rotate(k, here)
        self._values[layer, :, :, self._length :] = v
        return attend(rotate(q, here), self._keys[layer], self._values[layer])

    def keep(self, row: int, first: int) -> list[Block]:
        """What the last pass computed, chunk by chunk; its first latent is at position `first`."""
        data = torch.stack([torch.stack([k[row], v[row]]) for k, v in self._new])
        parts = data.split(self._chunk * self._tokens, 3)
        return [Block(part.clone(), first + i * self._chunk) for i, part in enumerate(parts)]


def _tables(
    c: WanConfig, window: Window, pasts: Sequence[Past], starts: Sequence[int],
    latents: int, like: Tensor,
) -> Tables:  # fmt: skip
    """Of the pasts and the next latents."""
    rows = []
    for past, start in zip(pasts, starts, strict=True):
        seen = [first + i for first in past.positions for i in range(window.chunk)]
        where = [*seen, *range(start, start + latents)]
        rows.append(where if window.positions == "absolute" else list(range(len(where))))
    return tables(torch.tensor(rows, device=like.device), c.grid, c.head_size, like.dtype)
