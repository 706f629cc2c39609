"""Passes of the transformer over the next latents of one or many states, which see their pasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor

from lightcone.model.families.wan.network.cache import Block, Cache, Past
from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.network.transformer import Backbone, Context, CrossKeys

CLEAN = 0.0  # the timestep of latents that go into the cache


class KeptContext(Context, Protocol):
    """One that keeps what a pass computes."""

    def keep(self, row: int, first: int, store: Store) -> list[Block]:
        """Of the last pass, chunk by chunk; its first latent is at position `first`."""
        ...

    def load(self, pasts: Sequence[Past], starts: Sequence[int]) -> None:
        """Attend to these pasts instead, which are as long, from now on."""
        ...


@dataclass(frozen=True)
class Rows:
    """B states side by side: their pasts, the positions of their next latents, and the keys of
    their texts, or of what else all tokens attend to."""

    pasts: Sequence[Past]
    starts: Sequence[int]
    cross: CrossKeys

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, in one order."""
        return [tensor for pair in self.cross for tensor in pair]

    def copied(self) -> Self:
        """With copies of its tensors."""
        return replace(self, cross=[(k.clone(), v.clone()) for k, v in self.cross])

    def inputs(self, latents: Tensor) -> Tensor:
        """What the transformer is given of latents (B, F, C, rows, columns)."""
        return latents

    def context(self, c: WanConfig, window: Window, latents: int, like: Tensor) -> KeptContext:
        """What so many next latents of each attend to."""
        return Cache(c, window, self.pasts, self.starts, latents, like)


class Pass:
    """One that can be made again and again, with other latents."""

    def __init__(self, model: Backbone, window: Window, rows: Rows, like: Tensor) -> None:
        """`like`: latents (B, F, C, rows, columns)."""
        self._model, self._rows = model, rows
        self._context = rows.context(model.config, window, like.shape[1], like)

    def flow(self, latents: Tensor, timestep: float) -> Tensor:
        """Noise - clean, (B, F, C, rows, columns)."""
        return self._once(latents, at(timestep, latents))

    def read(self, latents: Tensor) -> None:
        """For the sake of the keys and values of clean latents."""
        inputs = self._rows.inputs(latents)
        self._model.read(inputs, at(CLEAN, latents), self._rows.cross, self._context)

    def keep(self, store: Store) -> list[list[Block]]:
        """What the last pass computed, by row, chunk by chunk."""
        return [
            self._context.keep(row, first, store) for row, first in enumerate(self._rows.starts)
        ]

    def _once(self, latents: Tensor, timesteps: Tensor) -> Tensor:
        inputs = self._rows.inputs(latents)
        out: Tensor = self._model(inputs, timesteps, self._rows.cross, self._context)
        return out


def at(timestep: float, latents: Tensor) -> Tensor:
    """(B, F) for latents (B, F, ...)."""
    return torch.full(latents.shape[:2], timestep, device=latents.device)
