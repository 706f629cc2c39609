"""Floor plans: rooms joined by doors on a grid, one plan for each number below PLANS.

A plan is made by cutting the grid in two by walls, again and again, with one doorway in each, so
that every room can be reached. Cell (column x, row y) of a plan is at index y * CELLS + x of its
tables; it covers x to x + 1 and y to y + 1 in the world.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import FLOORS, WALLS

CELLS = 12
PLANS = 64
DOORS = 8  # at most, in one plan; further doorways stay without a door


_RAYS = 16
_RAY_STEP = 0.125
_RAY_REACH = 8.0


@dataclass(frozen=True)
class Plans:
    """All plans as tables of shape (PLANS, CELLS * CELLS), but for the last ones."""

    wall: Tensor  # bool
    door: Tensor  # number of the door in the cell, -1 if none
    passage: Tensor  # of doorways: 0 if one walks through along x, 1 if along y
    material: Tensor  # index into WALLS, of the walls that face this cell
    floor: Tensor  # index into FLOORS
    size: Tensor  # mean free distance around the middle of the cell, in cells
    room: Tensor  # indices of the free cells of rooms, repeated to fill the row
    door_x: Tensor  # (PLANS, DOORS) middle of each door, far away where there is none
    door_y: Tensor  # (PLANS, DOORS)

    def at(self, table: Tensor, plan: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Look up a table where `plan` and the position (x, y) have one shape."""
        return table.view(-1)[place(plan, x, y)]


def place(plan: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Index of the cell at (x, y) in a flattened table; outside the plan, of the nearest."""
    column, row = x.clamp(0, CELLS - 1).long(), y.clamp(0, CELLS - 1).long()
    return plan.long() * CELLS**2 + row * CELLS + column


@dataclass
class _Plan:
    wall: list[bool]
    door: list[int]
    passage: list[int]
    material: list[int]
    floor: list[int]
    room: list[int] = field(default_factory=list)
    doors: list[tuple[int, int]] = field(default_factory=list)


@lru_cache
def plans(device: torch.device) -> Plans:
    """The tables on a device."""
    made = [_make(number) for number in range(PLANS)]
    wall = torch.tensor([p.wall for p in made])
    door = torch.tensor([p.door for p in made])
    far = [(-99, -99)]
    doors = torch.tensor([p.doors + far * (DOORS - len(p.doors)) for p in made]) + 0.5
    rooms = [(p.room * CELLS**2)[: CELLS**2] for p in made]
    return Plans(
        wall=wall.to(device),
        door=door.to(device),
        passage=torch.tensor([p.passage for p in made]).to(device),
        material=torch.tensor([p.material for p in made]).to(device),
        floor=torch.tensor([p.floor for p in made]).to(device),
        size=_sizes(wall, door).to(device),
        room=torch.tensor(rooms).to(device),
        door_x=doors[:, :, 0].contiguous().to(device),
        door_y=doors[:, :, 1].contiguous().to(device),
    )


def _make(number: int) -> _Plan:
    dice = random.Random(number)
    count = CELLS**2
    plan = _Plan([True] * count, [-1] * count, [0] * count, [0] * count, [0] * count)
    for y in range(1, CELLS - 1):
        for x in range(1, CELLS - 1):
            plan.wall[y * CELLS + x] = False
    _cut(plan, dice, 1, 1, CELLS - 1, CELLS - 1)
    return plan


def _cut(plan: _Plan, dice: random.Random, x0: int, y0: int, x1: int, y1: int) -> None:
    """Divide the free cells x0 <= x < x1, y0 <= y < y1, or furnish them as one room."""
    across = x1 - x0 > y1 - y0 or (x1 - x0 == y1 - y0 and dice.random() < 0.5)
    low, high = (x0, x1) if across else (y0, y1)
    first, last = (y0, y1) if across else (x0, x1)

    def cell(along: int, at: int) -> int:
        return at * CELLS + along if across else along * CELLS + at

    # A wall that ends at a doorway would shut it.
    places = [
        k
        for k in range(low + 1, high - 1)
        if plan.wall[cell(k, first - 1)] and plan.wall[cell(k, last)]
        if plan.door[cell(k, first - 1)] < 0 and plan.door[cell(k, last)] < 0
    ]
    roomy = (x1 - x0) * (y1 - y0) <= 20 and dice.random() < 0.5
    if high - low <= 4 or not places or roomy:
        _furnish(plan, dice, x0, y0, x1, y1)
        return
    at = dice.choice(places)
    for k in range(first, last):
        plan.wall[cell(at, k)] = True
    gap = cell(at, dice.randrange(first, last))
    plan.wall[gap] = False
    plan.passage[gap] = 0 if across else 1
    plan.floor[gap] = dice.randrange(len(FLOORS))
    plan.material[gap] = dice.randrange(len(WALLS))
    if len(plan.doors) < DOORS:
        plan.door[gap] = len(plan.doors)
        plan.doors.append((gap % CELLS, gap // CELLS))
    if across:
        _cut(plan, dice, x0, y0, at, y1)
        _cut(plan, dice, at + 1, y0, x1, y1)
    else:
        _cut(plan, dice, x0, y0, x1, at)
        _cut(plan, dice, x0, at + 1, x1, y1)


def _furnish(plan: _Plan, dice: random.Random, x0: int, y0: int, x1: int, y1: int) -> None:
    material, floor = dice.randrange(len(WALLS)), dice.randrange(len(FLOORS))
    for y in range(y0, y1):
        for x in range(x0, x1):
            plan.material[y * CELLS + x] = material
            plan.floor[y * CELLS + x] = floor
            plan.room.append(y * CELLS + x)


def _sizes(wall: Tensor, door: Tensor) -> Tensor:
    """Mean free distance of rays from the middle of each cell: (PLANS, CELLS * CELLS), in cells.
    Doors count as closed."""
    shut = (wall | (door >= 0)).view(PLANS, CELLS, CELLS)
    angle = 2 * math.pi * (torch.arange(_RAYS) + 0.5) / _RAYS
    row, column = torch.meshgrid(torch.arange(CELLS), torch.arange(CELLS), indexing="ij")
    column, row = column.reshape(-1, 1), row.reshape(-1, 1)
    free = torch.ones(PLANS, CELLS**2, _RAYS, dtype=torch.bool)
    length = torch.zeros(PLANS, CELLS**2, _RAYS)
    for k in range(1, int(_RAY_REACH / _RAY_STEP) + 1):
        x = (column + 0.5 + k * _RAY_STEP * angle.cos()).floor().long().clamp(0, CELLS - 1)
        y = (row + 0.5 + k * _RAY_STEP * angle.sin()).floor().long().clamp(0, CELLS - 1)
        own = (x == column) & (y == row)
        free &= ~shut[:, y, x] | own
        length += free * _RAY_STEP
    return length.mean(2)
