"""The KV cache: one immutable block for each chunk, shared by all states that have it in their
past. A fork costs nothing, and a block is freed with its last state.

Keys are kept with their rotary embedding, by their positions in the video: the embedding is
relative and its angles are computed in float64, so no position is too large. Only a block that has
moved within the window, as a sink does, is turned on when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.rotary import Tables, rotate, tables
from lightcone.model.families.wan.network.store import Kept, Store
from lightcone.model.runtime.attention import Plan, Planned, attend


@dataclass(frozen=True)
class Block:
    """What is kept of one chunk, see `WanConfig.block_shapes`: keys are turned as at its positions,
    of which the first is `first` of the video."""

    kept: Kept
    first: int

    @property
    def data(self) -> Tensor:
        """Keys and values, (layers, 2, H, tokens, D)."""
        return self.kept.read(0)


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

    def full(self, window: Window) -> bool:
        """No more fits beside the next chunk."""
        return len(self.blocks) == window.size // window.chunk - 1

    @property
    def positions(self) -> tuple[int, ...]:
        """Of the first latents of its blocks."""
        return tuple(block.first for block in self.blocks)

    def moved(self, window: Window, start: int) -> list[int]:
        """By how many latents each of its blocks is seen later than it was, by those that begin at
        `start`: 0 for those right before them, and for all where positions are absolute."""
        if window.positions == "absolute":
            return [0] * len(self.blocks)
        first = start - len(self.blocks) * window.chunk
        return [first + i * window.chunk - block.first for i, block in enumerate(self.blocks)]


class Cache:
    """The pasts of B states side by side, for the passes over the next latents of each.

    The keys of the next latents come first in each row, so that they have the same places in all
    rows, however long their pasts are. Shapes are (layers, B, M, H, D). It is a `Context` of the
    transformer.
    """

    def __init__(
        self, c: WanConfig, window: Window, pasts: Sequence[Past], starts: Sequence[int],
        latents: int, like: Tensor,
    ) -> None:  # fmt: skip
        """The next `latents` of row b begin at position `starts[b]` of its video."""
        self._config, self._window, self._latents = c, window, latents
        queries, each = latents * c.tokens, window.chunk * c.tokens
        lengths = [queries + len(past.blocks) * each for past in pasts]
        self._planned = Planned(Plan.first(queries, lengths), like)
        shape = (c.layers, len(pasts), max(lengths), c.heads, c.head_size)
        # empty places hold zeros: what is never seen must be a number all the same
        self._keys, self._values = like.new_zeros(shape), like.new_zeros(shape)
        self._queries = queries
        self._here = self._next(starts)
        self._new: list[tuple[Tensor, Tensor]] = []
        self._fill(pasts, starts)

    def load(self, pasts: Sequence[Past], starts: Sequence[int]) -> None:
        """Other pasts, each as long, in the same places of memory."""
        self._here.copy_(self._next(starts))
        self._fill(pasts, starts)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        k = rotate(k, self._here)
        self._new[layer:] = [(k, v)]
        keys, values = self._keys[layer], self._values[layer]
        keys[:, : self._queries] = k.transpose(1, 2)
        values[:, : self._queries] = v.transpose(1, 2)
        seen = keys.transpose(1, 2), values.transpose(1, 2)
        return attend(rotate(q, self._here), *seen, self._planned)

    def keep(self, row: int, first: int, store: Store) -> list[Block]:
        """What the last pass computed, chunk by chunk; its first latent is at position `first`."""
        chunk = self._window.chunk
        parts = self.newest(row).split(chunk * self._config.tokens, 3)
        return [Block(store.keep(part), first + i * chunk) for i, part in enumerate(parts)]

    def newest(self, row: int) -> Tensor:
        """Keys and values of the last pass, (layers, 2, H, tokens, D)."""
        return torch.stack([torch.stack([k[row], v[row]]) for k, v in self._new])

    def _next(self, starts: Sequence[int]) -> Tables:
        """Of the latents of the passes."""
        positions = [range(start, start + self._latents) for start in starts]
        return self._tables(positions, self._config.grid)

    def _fill(self, pasts: Sequence[Past], starts: Sequence[int]) -> None:
        each = self._window.chunk * self._config.tokens
        for row, (past, start) in enumerate(zip(pasts, starts, strict=True)):
            moved = past.moved(self._window, start)
            for i, (block, by) in enumerate(zip(past.blocks, moved, strict=True)):
                at = slice(self._queries + i * each, self._queries + (i + 1) * each)
                keys, values = block.data.unbind(1)
                if by:  # in time alone, and all of its tokens alike
                    keys = rotate(keys, self._tables([[by]], (1, 1)))
                self._keys[:, row, at] = keys.transpose(1, 2)
                self._values[:, row, at] = values.transpose(1, 2)

    def _tables(self, positions: Sequence[Sequence[int]], grid: tuple[int, int]) -> Tables:
        where = torch.tensor([list(row) for row in positions], device=self._keys.device)
        return tables(where, grid, self._config.head_size, self._keys.dtype)
