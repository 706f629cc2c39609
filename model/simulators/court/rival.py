"""What the second player does: a smooth policy of the state, without memory or dice.

He goes for a free ball, carries it to his spot and throws from a jump; while the player has the
ball he stands between player and hoop, and jumps when it is thrown.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import GUARD
from lightcone.model.simulators.court.state import (
    FREE,
    PLAYER,
    RIVAL,
    CourtState,
)

HASTE = 0.85  # of the player's speed, so that he can be outrun
FORESIGHT = 0.25  # seconds that he looks ahead where a ball flies
BRAKING = 0.07  # from here on he slows down


@dataclass(frozen=True)
class Decision:
    """What he holds in a frame; fields (B,)."""

    run: Tensor  # -1 to 1
    jump: Tensor  # bool
    shoot: Tensor


def decide(s: CourtState) -> Decision:
    """Nothing where there is no rival."""
    here, ball = s.rival, s.ball
    present = s.rivals > 0.5
    free, mine = s.holder == FREE, s.holder == RIVAL
    gap = target(s) - here.x
    run = (gap / BRAKING).clamp(-1, 1) * HASTE

    at_spot = gap.abs() < 0.03
    high_in_jump = (here.vy < 0.25) & ~here.on_floor
    shoot = mine & high_in_jump

    above = ball.y - here.y
    close = (ball.x - here.x).abs() < 0.10
    rebound = free & close & (above > 0.24) & (above < 0.50) & (ball.vy < 0)
    block = free & (s.player.arms > 0.5) & ((ball.x - here.x).abs() < 0.25)
    jump = (mine & at_spot) | rebound | block
    return Decision(torch.where(present, run, 0.0), jump & present, shoot & present)


def target(s: CourtState) -> Tensor:
    """Where he wants to be: x, (B,)."""
    lands = s.ball.x + FORESIGHT * s.ball.vx
    to_hoop = ((s.hoop_x - s.player.x) / 0.15).clamp(-1, 1)
    guard = s.player.x + GUARD * to_hoop
    return torch.where(s.holder == RIVAL, s.spot, torch.where(s.holder == PLAYER, guard, lands))
