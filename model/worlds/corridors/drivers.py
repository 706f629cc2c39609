"""Who walks the corridors when nobody plays: rules that press the buttons."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model.worlds import clips
from model.worlds.corridors.physics import (
    BUTTONS,
    CorridorsState,
    clearance,
    door_ahead,
    door_in_reach,
)

DRIVER_NUMBERS = 10  # random numbers that a driver takes each frame

Driver = clips.Driver[CorridorsState]

_AWAY = 2.4  # radians that the one who looks around turns away


def explore(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Walks on, turns to the freer side at walls, opens doors and now and then closes them."""
    ahead = clearance(state, 0.0)
    left, right = clearance(state, -0.7), clearance(state, 0.7)
    was_left, was_right = last[:, 4] > 0.5, last[:, 5] > 0.5
    number, there = door_in_reach(state)
    wanted = state.doors_wanted.gather(1, number[:, None])[:, 0] > 0.5
    openness = state.doors.gather(1, number[:, None])[:, 0]
    closed = there & ~wanted
    waits = there & (openness < 0.9) & (door_ahead(state, reach=1.2) >= 0) & (ahead < 0.9)
    stuck = (ahead < 0.8) & ~waits
    whim = u[:, 0] < 0.02
    turns = was_left | was_right
    to_left = torch.where(turns, was_left, left >= right)
    on = stuck | whim | (turns & (u[:, 1] < 0.75))
    brush = ~on & ~waits & (torch.minimum(left, right) < 0.5)
    forward = (ahead > 0.5) & ((last[:, 0] > 0.5) | (u[:, 3] < 0.5)) & (u[:, 4] > 0.01)
    use = torch.where(closed, u[:, 5] < 0.30, u[:, 5] < 0.015) & (last[:, 6] < 0.5)
    zero = torch.zeros_like(u[:, 0])
    return torch.stack(
        [
            forward.float(),
            zero,
            (brush & (left > right)).float(),
            (brush & (left < right)).float(),
            (on & to_left).float(),
            (on & ~to_left).float(),
            use.float(),
        ],
        1,
    )


def look_around(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Stands, turns far away and comes back to the same view; walks a few steps in between."""
    # While standing, the gait stays what it is and gives the direction to come back to.
    home = 2 * math.pi * (state.gait * 7.31 % 1)
    off = (state.heading - home + math.pi) % (2 * math.pi) - math.pi
    walks = torch.where(last[:, 0] > 0.5, u[:, 0] < 0.9, u[:, 0] < 0.008) & (u[:, 2] > 0.05)
    was_left, was_right = last[:, 4] > 0.5, last[:, 5] > 0.5
    resting = ~was_left & ~was_right
    pause = ~resting & (off.abs() < 0.12) & (u[:, 1] < 0.5)
    begins = resting & (u[:, 1] < 0.10)
    left = torch.where(resting, begins & (off > 0), was_left)
    left = torch.where(off < -_AWAY, False, torch.where(off > _AWAY, True, left))
    right = torch.where(resting, begins & (off <= 0), was_right)
    right = torch.where(off > _AWAY, False, torch.where(off < -_AWAY, True, right))
    left, right = left & ~pause & ~walks, right & ~pause & ~walks
    zero = torch.zeros_like(home)
    use = (u[:, 3] < 0.02).float()
    return torch.stack([walks.float(), zero, zero, zero, left.float(), right.float(), use], 1)


def mash(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Presses and releases everything at random."""
    flip = u[:, : len(BUTTONS)] < 0.15
    return torch.where(flip, 1 - last, last)


def idle(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    return torch.zeros_like(last)


def mixed(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Each world keeps to one of the drivers above, by its number in the batch."""
    kind = torch.arange(len(u), device=u.device) % 8
    explored, looked = explore(state, last, u), look_around(state, last, u)
    mashed, idled = mash(state, last, u), idle(state, last, u)
    acts = torch.stack([explored, looked, explored, explored, looked, explored, mashed, idled], 0)
    return acts[kind, torch.arange(len(u), device=u.device)]
