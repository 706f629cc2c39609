"""What of the corridors is near the player: obstacles, doors, and the room.

Nothing here is learned, and no law is in it: only distances and directions, which laws depend on.
Places are in cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightcone.model.families.staged.corridors.constants import DOOR_HALF, RADIUS
from lightcone.model.families.staged.corridors.facts import (
    HALF,
    derived,
)
from lightcone.model.families.staged.corridors.plans import CELLS, PLANS, place, plans

OBSTACLES = 4  # his own cell, and those beside it that he may touch
OBSTACLE_FEATURES = 4
DOOR_FEATURES = 5
_QUARTERS = 2 * CELLS  # along each side of a plan: a quarter of a cell touches the same four
_AWAY = 1e3
_SHARP = 8.0  # gaps of 1 / 8 cell matter


class Near(nn.Module):
    """Tables of what is near each quarter of a cell, in all plans."""

    boxes: Tensor
    doors: Tensor
    room: Tensor
    steps: Tensor
    at: Tensor

    def __init__(self) -> None:
        super().__init__()
        boxes, doors, room = _tables()
        tables = plans(torch.device("cpu"))
        at = torch.stack([tables.door_x, tables.door_y], 2)
        for name, table in (("boxes", boxes), ("doors", doors), ("room", room), ("at", at)):
            self.register_buffer(name, table, persistent=False)
        steps = torch.tensor([1.0, _QUARTERS])
        self.register_buffer("steps", steps, persistent=False)

    def quarter(self, x_y: Tensor, first: Tensor) -> Tensor:
        """Facts x and y (B, 2), and the plan's first quarter (B,), -> the row of the tables."""
        at = torch.add(2 * HALF, x_y.detach(), alpha=2 * HALF).floor()
        return (at @ self.steps).add_(first).long()

    def obstacles(self, where: Tensor, doors: Tensor, quarter: Tensor) -> Tensor:
        """`where` (B, 2), the openness of `doors` as facts (B, DOORS) -> (B, OBSTACLES *
        OBSTACLE_FEATURES): the direction away from each obstacle if it is near, and how far."""
        low, moved, high = self.boxes[quarter].unbind(1)  # (B, OBSTACLES, 2)
        low = torch.addcmul(low, moved, doors.gather(1, self.doors[quarter])[..., None])
        here = where[:, None]
        away = here - torch.maximum(torch.minimum(here, high), low)
        distance = torch.linalg.vector_norm(away, dim=2, keepdim=True)
        gap = ((distance - RADIUS) * _SHARP).tanh()
        near = 1 - gap * gap
        return torch.cat([away * (near / (distance + 1e-3)), gap, near], 2).flatten(1)

    def seen_doors(self, where: Tensor, aim: Tensor, at: Tensor) -> Tensor:
        """`where` (B, 2), `aim` (B, 2, 1) the cosine and the sine of the heading, `at`
        (B, DOORS, 2) -> (B, DOORS, DOOR_FEATURES): how far each door is along the gaze and in all,
        in what direction, and whether it is the one that is meant rather than the others."""
        offset = at - where[:, None]
        distance = torch.linalg.vector_norm(offset, dim=2, keepdim=True)
        across = torch.linalg.vector_norm(offset, ord=torch.inf, dim=2, keepdim=True)
        ahead = offset @ aim
        meant = torch.sub(ahead, distance, alpha=2).mul(4).softmax(1)
        return torch.cat([ahead, distance, across, 2 * ahead / distance, meant], 2).clamp(-2, 2)


def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """For each quarter of each cell of each plan: (rows, 3, OBSTACLES, 2) the low corner of what
    obstacles it is near, how that moves with the openness of a door (as a fact, -1 to 1), and the
    high corner; (rows, OBSTACLES) that door; (rows, n) the derived facts."""
    tables = plans(torch.device("cpu"))
    grid = torch.cartesian_prod(
        torch.arange(PLANS), torch.arange(_QUARTERS), torch.arange(_QUARTERS)
    )
    plan, own = grid[:, 0], grid[:, [2, 1]]
    middle = (own + 0.5) / 2  # (rows, 2), x and y in cells
    inside = middle.floor()
    beside = inside + torch.where(middle > inside + 0.5, 1, -1)
    both = torch.stack([inside, beside], 1).clamp(0, CELLS - 1)  # (rows, 2, 2)
    column = both[:, [0, 1, 0, 1], 0]
    row = both[:, [0, 0, 1, 1], 1]
    cell = place(plan[:, None], column, row)
    door, wall = tables.door.view(-1)[cell], tables.wall.view(-1)[cell]
    is_door, along_y = door >= 0, tables.passage.view(-1)[cell] > 0
    across = torch.stack([is_door & ~along_y, is_door & along_y], 2).float()  # a panel, thin
    slides = across.flip(2)
    thin = 0.5 - DOOR_HALF
    corner = torch.stack([column, row], 2)
    # A panel slides towards greater x or y: its low end is half way at the fact's 0.
    low = corner + thin * across + 0.5 * slides
    high = corner + 1 - thin * across
    free = ~wall & ~is_door
    low[free] = high[free] = _AWAY
    facts = derived(plan, middle / HALF - 1)
    return torch.stack([low, 0.5 * slides, high], 1), door.clamp_min(0), facts


def first_quarter(plan: Tensor) -> Tensor:
    """(B,) the row of the tables where a plan begins, as float."""
    return plan.float() * _QUARTERS**2
