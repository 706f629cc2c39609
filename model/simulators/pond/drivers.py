"""Who holds the buttons when worlds are simulated for training."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.constants import BOARD_HALF
from lightcone.model.simulators import clips
from lightcone.model.simulators.pond.physics import CLIMB_REACH, PondState

DRIVER_NUMBERS = 8  # random numbers that a driver takes each frame

_MOVES = 3  # buttons before those of the camera

Driver = clips.Driver[PondState]


def wander(state: PondState, last: Tensor, u: Tensor) -> Tensor:
    """Holds a direction for a while, jumps now and then; from the water, climbs when it can."""
    left, right, jump = last[:, :_MOVES].unbind(1)
    turn = u[:, 0] < 0.05
    pick = u[:, 1]
    left = torch.where(turn, (pick < 0.4).float(), left)
    right = torch.where(turn, ((pick >= 0.4) & (pick < 0.8)).float(), right)
    often = torch.where(state.aboard > 0.5, 0.015, 0.06)
    jump = torch.where(jump > 0.5, u[:, 2] < 0.7, u[:, 2] < often).float()
    return torch.stack([left, right, jump], 1)


def dive(state: PondState, last: Tensor, u: Tensor) -> Tensor:
    """Jumps off, swims back, climbs aboard, and again."""
    aboard = state.aboard > 0.5
    gap = state.bx - state.px
    near = gap.abs() < BOARD_HALF + 0.8 * CLIMB_REACH
    side = torch.where(u[:, 1] < 0.3 + 0.4 * (state.px > state.bx), -1.0, 1.0)
    held = last[:, 1] - last[:, 0]
    ashore = torch.where((held.abs() < 0.5) | (u[:, 0] < 0.04), side, held)
    way = torch.where(aboard, ashore, torch.where(near, 0.0, gap.sign()))
    ready = torch.where(aboard, u[:, 2] < 0.05, near & (u[:, 2] < 0.15))
    jump = torch.where(last[:, 2] > 0.5, u[:, 3] < 0.6, ready)
    return torch.stack([(way < 0).float(), (way > 0).float(), jump.float()], 1)


def mash(state: PondState, last: Tensor, u: Tensor) -> Tensor:
    """Presses and releases what moves the person at random."""
    held = last[:, :_MOVES]
    return torch.where(u[:, :_MOVES] < 0.2, 1 - held, held)


def idle(state: PondState, last: Tensor, u: Tensor) -> Tensor:
    return torch.zeros_like(last[:, :_MOVES])


def film(last: Tensor, u: Tensor) -> Tensor:
    """What somebody holds of the camera's buttons, who now and then changes the view."""
    zoom_in, zoom_out, button = last[:, _MOVES:].unbind(1)
    zoom_in = torch.where(zoom_in > 0.5, u[:, 4] < 0.93, u[:, 4] < 0.012).float()
    zoom_out = torch.where(zoom_out > 0.5, u[:, 5] < 0.93, u[:, 5] < 0.012).float()
    button = torch.where(button > 0.5, u[:, 6] < 0.5, u[:, 6] < 0.008).float()
    return torch.stack([zoom_in, zoom_out, button], 1)


def mixed(state: PondState, last: Tensor, u: Tensor) -> Tensor:
    """Each world keeps to one of the drivers above, by its number in the batch, and every
    second one has somebody at the camera."""
    number = torch.arange(len(u), device=u.device)
    drivers = [wander, dive, wander, dive, dive, wander, mash, idle]
    acts = torch.stack([d(state, last, u) for d in drivers], 0)[number % len(drivers), number]
    filmed = (number + number // len(drivers)) % 2
    return torch.cat([acts, film(last, u) * filmed[:, None]], 1)
