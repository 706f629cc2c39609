"""Who holds the buttons in simulated worlds."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import FLOOR, WIDTH
from lightcone.model.simulators import clips
from lightcone.model.simulators.court.state import FREE, PLAYER, CourtState

NUMBERS = 10  # random numbers that a driver takes each frame
MOVES = 4  # buttons before those of the camera

Driver = clips.Driver[CourtState]


def wander(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Holds a direction for a while, jumps and shoots now and then."""
    left, right, jump, shoot = last[:, :MOVES].unbind(1)
    turn = u[:, 0] < 0.07
    pick = u[:, 1]
    left = torch.where(turn, (pick < 0.4).float(), left)
    right = torch.where(turn, ((pick >= 0.4) & (pick < 0.8)).float(), right)
    jump = torch.where(jump > 0.5, u[:, 2] < 0.8, u[:, 2] < 0.04).float()
    shoot = torch.where(shoot > 0.5, u[:, 3] < 0.75, u[:, 3] < 0.05).float()
    return torch.stack([left, right, jump, shoot], 1)


def seek(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Runs for the ball, whoever has it, carries it to some distance from the hoop, shoots."""
    holding = state.holder == PLAYER
    spot = state.hoop_x - state.hoop_side * (0.25 + 0.45 * (state.hoop_y * 7919 % 1))
    target = torch.where(holding, spot, state.ball.x)
    gap = target - state.player.x
    there = gap.abs() < 0.05
    left = (gap < -0.03).float() * (~there).float()
    right = (gap > 0.03).float() * (~there).float()
    above = (state.holder == FREE) & (state.ball.y - state.player.y > 0.22) & (gap.abs() < 0.12)
    keen = 0.03 + 0.15 * (holding & there) + 0.04 * above
    jump = torch.where(last[:, 2] > 0.5, u[:, 2] < 0.8, u[:, 2] < keen)
    ready = holding & (there | (u[:, 4] < 0.02))
    shoot = torch.where(last[:, 3] > 0.5, u[:, 3] < 0.6, ready & (u[:, 3] < 0.25))
    return torch.stack([left, right, jump.float(), shoot.float()], 1)


def gun(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Throws the ball from wherever he is, on the run at times, and lets it bounce before he
    runs for it."""
    out = seek(state, last, u)
    shoot = torch.where(last[:, 3] > 0.5, u[:, 3] < 0.6, u[:, 3] < 0.10)
    jump = torch.where(last[:, 2] > 0.5, u[:, 2] < 0.8, u[:, 2] < 0.06)
    right = (state.player.x * 3 / WIDTH % 1 < 0.5).float()
    carrying = (state.holder == PLAYER).float()[:, None]
    high = (state.holder == FREE) & (state.ball.y > FLOOR + 0.16)
    go = (~high).float()[:, None]
    moves = carrying * torch.stack([1 - right, right], 1) + (1 - carrying) * go * out[:, :2]
    return torch.cat([moves, jump[:, None].float(), shoot[:, None].float()], 1)


def mash(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Presses and releases everything at random."""
    flip = u[:, :MOVES] < 0.25
    return torch.where(flip, 1 - last[:, :MOVES], last[:, :MOVES])


def idle(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    return torch.zeros_like(last[:, :MOVES])


def film(last: Tensor, u: Tensor) -> Tensor:
    """The camera's buttons: now and then nearer, wider, another view."""
    zoom_in, zoom_out, _ = last[:, MOVES:].unbind(1)
    zoom_in = torch.where(zoom_in > 0.5, u[:, 6] < 0.9, u[:, 6] < 0.012)
    zoom_out = torch.where(zoom_out > 0.5, u[:, 7] < 0.9, u[:, 7] < 0.012)
    camera = u[:, 8] < 0.016
    return torch.stack([zoom_in, zoom_out, camera], 1).float()


def mixed(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Each world keeps to one of the drivers above (or does nothing), by its number in the
    batch; so does each camera, of which some stay still."""
    number = torch.arange(len(u), device=u.device)
    drivers = [wander, seek, gun, seek, gun, wander, mash, idle]
    moves = torch.stack([d(state, last, u) for d in drivers], 0)[number % 8, number]
    moving = (number // 8 % 3 > 0).float()[:, None]
    return torch.cat([moves, moving * film(last, u)], 1)
