"""What the state stream tells the transformer about a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.worlds.court import facts

FACTS = facts.COUNT
_NEAR = 0.5  # of `facts.occupied`


@dataclass(frozen=True)
class Scene:
    """`facts` (B, C, (1 + frames) * FACTS): of the frame before each chunk and of its own;
    `maps` (B, C, M, h, w): the same as places in the picture."""

    facts: Tensor
    maps: Tensor

    def __getitem__(self, part: tuple[slice, slice]) -> Scene:
        """Some worlds and some chunks; their axes stay."""
        return Scene(self.facts[part], self.maps[part])


def map_count(frames: int) -> int:
    return frames * facts.MAPS + facts.BODIES


def empty(states: Sequence[Tensor], shape: tuple[int, int]) -> Tensor:
    """1 where nothing that moves is near in any frame of `states` (B, frames, FACTS), 0 where
    something is: (B, rows, columns)."""
    busy = facts.occupied(torch.cat(list(states), 1), *shape).amax(1)
    return 1 - (busy / _NEAR).clamp(max=1)


def scene(last: Tensor, state: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Scene:
    """`last` and `state` (B, C, frames, FACTS) of the chunks before and of these; `shape`:
    rows and columns of latent cells."""
    known = torch.cat([last[:, :, -1:], state], 2).float()
    before = facts.bodies(known[:, :, 0], *shape)  # (B, C, BODIES, h, w)
    now = facts.maps(known[:, :, 1:], *shape)  # (B, C, frames, MAPS, h, w)
    maps = torch.cat([before, now.flatten(2, 3)], 2)
    return Scene(known.flatten(2).to(dtype), maps.to(dtype))
