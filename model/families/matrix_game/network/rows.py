"""States side by side with what they know of their pictures and actions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from lightcone.model.families.matrix_game.network.cache import ActedCache
from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.wan.network.config import WanConfig, Window
from lightcone.model.families.wan.network.passes import KeptContext, Rows


@dataclass(frozen=True)
class GameRows(Rows):
    """`known`: the latents of their pictures with the mask, (B, F, MASK_CHANNELS + C, rows,
    columns). `keys`, `mouse`: what the next latents see of the actions, (B, F, frames_seen, ...).
    What all tokens attend to is the picture."""

    known: Tensor
    keys: Tensor
    mouse: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        return [*super().tensors, self.known, self.keys, self.mouse]

    def copied(self) -> Self:
        known, keys, mouse = self.known.clone(), self.keys.clone(), self.mouse.clone()
        return replace(super().copied(), known=known, keys=keys, mouse=mouse)

    def inputs(self, latents: Tensor) -> Tensor:
        return torch.cat([latents, self.known], 2)

    def context(self, c: WanConfig, window: Window, latents: int, like: Tensor) -> KeptContext:
        assert isinstance(c, MatrixGameConfig)
        return ActedCache(c, window, self.pasts, self.starts, self.keys, self.mouse, like)
