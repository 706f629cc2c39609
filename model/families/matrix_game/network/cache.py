"""What a chunk sees of the chunks before it: what the wan family keeps, and in the same blocks what
the action blocks keep, keys turned as at their positions too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightcone.model.families.matrix_game.network.actions import Actions
from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.wan.network.cache import Block, Cache, Past
from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.rotary import Tables, rotate
from lightcone.model.families.wan.network.store import Store
from lightcone.model.runtime.attention import Plan, Planned, attend


class ActedCache:
    """The pasts of B states side by side, for the passes over the next latents of each. It is a
    `Context` of the transformer."""

    def __init__(
        self, c: MatrixGameConfig, window: Window, pasts: Sequence[Past], starts: Sequence[int],
        keys: Tensor, mouse: Tensor, like: Tensor,
    ) -> None:  # fmt: skip
        """`keys`, `mouse`: what the next latents see of the actions, (B, F, frames_seen, ...)."""
        latents = keys.shape[1]
        self._tokens = Cache(c, window, pasts, starts, latents, like)
        self._window = window
        self._keys = _OverTime(c, self._past(1, pasts, starts), starts, latents, 1, like)
        self._mouse = _OverTime(c, self._past(2, pasts, starts), starts, latents, c.tokens, like)
        self.actions = Actions(keys, mouse, self._keys, self._mouse)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self._tokens.attend(layer, q, k, v)

    def load(self, pasts: Sequence[Past], starts: Sequence[int]) -> None:
        """Other pasts, each as long, in the same places of memory."""
        self._tokens.load(pasts, starts)
        self._keys.load(self._past(1, pasts, starts), starts)
        self._mouse.load(self._past(2, pasts, starts), starts)

    def keep(self, row: int, first: int, store: Store) -> list[Block]:
        """What the last pass computed of a chunk; its first latent is at position `first`."""
        parts = (part.newest(row) for part in (self._tokens, self._keys, self._mouse))
        return [Block(store.keep(*parts), first)]

    def _past(self, index: int, pasts: Sequence[Past], starts: Sequence[int]) -> list[_Moved]:
        return [
            [
                (block.kept.read(index), by)
                for block, by in zip(past.blocks, past.moved(self._window, start), strict=True)
            ]
            for past, start in zip(pasts, starts, strict=True)
        ]


_Moved = list[tuple[Tensor, int]]
"""Blocks of a past, (acting, 2, P, H, F, D), and how much later they are seen, see `Past.moved`."""


class _OverTime:
    """Keys and values of one kind at P places: (acting, B, P, H, M, D), those of the next latents
    first."""

    def __init__(
        self, c: MatrixGameConfig, rows: Sequence[_Moved], starts: Sequence[int], latents: int,
        places: int, like: Tensor,
    ) -> None:  # fmt: skip
        self._latents, self._places = latents, places
        lengths = [latents + sum(block.shape[-2] for block, _ in row) for row in rows]
        queries = latents if places > 1 else latents * c.tokens
        plan = Plan.first(queries, lengths)
        self._planned = Planned(Plan(plan.queries, plan.keys, plan.spans, repeat=places), like)
        size = (c.acting, len(rows), places, c.action_heads, max(lengths), c.action_size)
        self._k, self._v = like.new_zeros(size), like.new_zeros(size)
        self._config = c
        self._here = self._next(starts)
        self._new: list[tuple[Tensor, Tensor]] = []
        self._fill(rows)

    def load(self, rows: Sequence[_Moved], starts: Sequence[int]) -> None:
        self._here.copy_(self._next(starts))
        self._fill(rows)

    def _next(self, starts: Sequence[int]) -> Tables:
        """(B, 1, 1, F, D / 2)."""
        positions = [range(start, start + self._latents) for start in starts]
        return _tables(self._config, positions, self._k)

    def _fill(self, rows: Sequence[_Moved]) -> None:
        for i, row in enumerate(rows):
            end = self._latents
            for block, by in row:
                at = slice(end, end := end + block.shape[-2])
                keys, values = block.unbind(1)
                if by:
                    keys = rotate(keys, _tables(self._config, [[by]], self._k))
                self._k[:, i, ..., at, :], self._v[:, i, ..., at, :] = keys, values

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        k = rotate(k, self._here)
        self._new[layer:] = [(k, v)]
        keys, values = self._k[layer], self._v[layer]
        keys[..., : self._latents, :] = k
        values[..., : self._latents, :] = v
        q = rotate(q, self._here)
        shape = q.shape
        if self._places == 1:  # all places ask the same keys
            q = q.transpose(1, 2).flatten(2, 3)[:, None]  # (B, 1, H, S F, D)
        out = attend(q.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1), self._planned)
        if self._places == 1:
            return out.unflatten(2, (shape[1], -1)).transpose(1, 2)
        return out.unflatten(0, shape[:2])

    def newest(self, row: int) -> Tensor:
        return torch.stack([torch.stack([k[row], v[row]]) for k, v in self._new])


def _tables(c: MatrixGameConfig, positions: Sequence[Sequence[int]], like: Tensor) -> Tables:
    """(B, 1, 1, F, D / 2) of latents at these positions; only the first elements of a head turn."""
    steps = torch.arange(0, c.turning, 2, device=like.device, dtype=torch.float64)
    where = torch.tensor([list(p) for p in positions], device=like.device).double()
    angles = where[..., None] * c.base ** (-steps / c.turning)
    angles = torch.nn.functional.pad(angles, (0, (c.action_size - c.turning) // 2))
    precise = torch.promote_types(like.dtype, torch.float32)
    angles = angles[:, None, None]
    return Tables(angles.cos().to(precise), angles.sin().to(precise))
