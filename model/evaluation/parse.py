"""Trajectories of things, read from pictures."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.reading.reader import Reader


def tracks(
    reader: Reader, world: str, frames: Tensor, shirts: Tensor | None = None
) -> dict[str, tuple[Tensor, Tensor]]:
    """Where things are in frames (B, T, 3, H, W) of a camera that shows everything: x and y
    (B, T) in picture heights, y up, NaN where the reader sees none, or more than one.

    On the court `shirts` (B, 2) says what player and rival wear; they are tracked by name.
    """
    batch, length = frames.shape[:2]
    reading = reader.read(world, frames.flatten(0, 1))
    one = reading.counts.argmax(-1) == 1  # (B T, things)
    out: dict[str, tuple[Tensor, Tensor]] = {}
    places = reading.positions(wide=True)
    for i, thing in enumerate(reading.world.things):
        x, y = (torch.where(one[:, i], v, math.nan) for v in places[thing])
        out[thing] = x.view(batch, length), y.view(batch, length)
    if shirts is not None:
        colours = definition("court").words["shirt"]
        for k, who in enumerate(("player", "rival")):
            picked = [out[colours[int(shirt)]] for shirt in shirts[:, k]]
            x, y = (torch.stack([at[axis][i] for i, at in enumerate(picked)]) for axis in (0, 1))
            out[who] = x, y
    return out


def shirts_of(states: Any) -> Tensor | None:
    """What player and rival wear, (B, 2), in states (B, T); None where nobody wears shirts."""
    if not hasattr(states, "rival_shirt"):
        return None
    return torch.stack([states.shirt[:, 0], states.rival_shirt[:, 0]], 1).long()
