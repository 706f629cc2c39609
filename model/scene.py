"""What the state stream tells the transformer about a chunk."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.worlds.court import facts
from model.worlds.court import maps as drawn
from model.worlds.court.maps import Maps

FACTS = facts.COUNT
_NEAR = 0.5  # of `maps.occupied`


@dataclass(frozen=True)
class Scene:
    """`facts` (B, C, (1 + frames) * FACTS): of the frame before each chunk and of its own;
    `maps` (B, C, M, h, w): the same as places in the picture; `empty` (B, C, h, w): 1 where
    nothing that moves is near in any of the chunk's frames, 0 where something is."""

    facts: Tensor
    maps: Tensor
    empty: Tensor

    def __getitem__(self, part: tuple[slice, slice]) -> Scene:
        """Some worlds and some chunks; their axes stay."""
        return Scene(self.facts[part], self.maps[part], self.empty[part])


def map_count(frames: int) -> int:
    return frames * drawn.MAPS + drawn.BODIES


def scene(maps: Maps, last: Tensor, state: Tensor, dtype: torch.dtype) -> Scene:
    """`last` and `state` (B, C, frames, FACTS) of the chunks before and of these."""
    known = torch.cat([last[:, :, -1:], state], 2).float()
    every = maps(known)  # (B, C, 1 + frames, MAPS, h, w)
    now = every[:, :, 1:]
    told = torch.cat([drawn.bodies(every[:, :, 0]), now.flatten(2, 3)], 2)
    busy = drawn.occupied(now).amax(2)
    empty = 1 - (busy / _NEAR).clamp(max=1)
    return Scene(known.flatten(2).to(dtype), told.to(dtype), empty.to(dtype))
