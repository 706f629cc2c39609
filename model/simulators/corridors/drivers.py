"""Who walks the corridors when nobody plays: rules that press the buttons and turn the axis.

A rule sees the state, what was held and dice, and remembers nothing. What it has to keep for a
while (a direction to come back to, for how long to look away) it makes out of what does not change
meanwhile: the turn of the clock, and the gait of someone who stands.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import ACTIONS, BUTTONS, TURN_MOST
from lightcone.model.families.staged.corridors.plans import DOORS, plans
from lightcone.model.simulators import clips
from lightcone.model.simulators.corridors.physics import (
    TURN_RESPONSE,
    CorridorsState,
    clearance,
    door_ahead,
    door_in_reach,
)

DRIVER_NUMBERS = 16  # random numbers that a driver takes each frame

Driver = clips.Driver[CorridorsState]

_WALKING = 7  # the first so many buttons; the others are the camera's
_TURN = ACTIONS.index("turn")
_SIGHT_STEPS = 8


def explore(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Walks on, turns to the freer side at walls, opens doors and now and then closes them.
    Like all rules but `mixed` it gives the first 7 buttons, (B, 7)."""
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
    left_on, right_on = brush & (left > right), brush & (left < right)
    return _held(forward, left_on, right_on, on & to_left, on & ~to_left, use)


def look_away(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Stands, turns far away, comes back to the same view after 1 to 8 seconds, and walks a few
    steps at the end of each round."""
    quick = torch.arange(len(u), device=u.device) % 16 < 8
    length = torch.where(quick, 5.0, 12.0)  # seconds of a round
    turn = (state.clock / length).floor()
    begin, stay, side = _dice(turn, 1), _dice(turn, 2), _dice(turn, 3)
    now = state.clock - turn * length - 0.5 - 0.8 * begin
    away = (now > 0) & (now < 1 + (length - 5) * stay)
    aim = torch.where(side < 0.5, -1.0, 1.0) * (1.6 + 1.5 * _dice(turn, 4))
    home = 2 * math.pi * (state.gait * 7.31 % 1)
    left, right = _turn_to(state, home + torch.where(away, aim, 0.0))
    walks = state.clock - turn * length > length - 1
    walks &= clearance(state, 0.0) > 0.6
    never = torch.zeros_like(walks)
    return _held(walks, never, never, left & ~walks, right & ~walks, u[:, 3] < 0.02)


def use_doors(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Makes for a door in sight; then either stays and opens and closes it, or goes through."""
    tables = plans(u.device)
    plan = state.plan.long()
    dx, dy = tables.door_x[plan] - state.x[:, None], tables.door_y[plan] - state.y[:, None]
    distance = (dx.square() + dy.square()).sqrt().clamp_min(1e-3)
    share = torch.linspace(0.1, 1, _SIGHT_STEPS, device=u.device)
    way = share * (1 - 0.6 / distance).clamp_min(0)[..., None]  # (B, DOORS, steps)
    x = state.x[:, None, None] + dx[..., None] * way
    y = state.y[:, None, None] + dy[..., None] * way
    hidden = tables.at(tables.wall, plan[:, None, None].expand_as(x), x, y).any(2)
    bearing = torch.atan2(dy, dx)
    ahead = torch.cos(bearing - state.heading[:, None])
    round_ = (state.clock / 5).floor()
    liked = (_dice(round_, 5) * DOORS).long()[:, None]
    fond = torch.arange(DOORS, device=u.device) == liked
    score, number = (distance + 2 * (1 - ahead) - 2 * fond.float() + 1e3 * hidden).min(1)

    def of_door(t: Tensor) -> Tensor:
        return t.gather(1, number[:, None])[:, 0]

    near = of_door(distance)
    left, right = _turn_to(state, of_door(bearing))
    faces = of_door(ahead) > 0.9
    open_, wanted = of_door(state.doors) > 0.95, of_door(state.doors_wanted) > 0.5
    stays = _dice(round_, 6) < 0.6
    walks = faces & ((near > 1.1) | (~stays & (open_ | (near > 0.9))))
    within = near < 0.35
    chance = torch.where(stays, torch.where(wanted, 0.02, 0.04), torch.where(wanted, 0.0, 0.3))
    use = (near < 1.3) & faces & (u[:, 5] < chance) & (last[:, 6] < 0.5)
    never = torch.zeros_like(walks)
    sought = _held(walks | within, never, never, left & ~within, right & ~within, use)
    return torch.where((score < 100)[:, None], sought, explore(state, last, u))


def mash(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Presses and releases everything at random."""
    flip = u[:, :_WALKING] < 0.15
    return torch.where(flip, 1 - last[:, :_WALKING], last[:, :_WALKING])


def mixed(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """Each world keeps to one of the rules above, or to nothing at all, and to turning by buttons
    or by the axis, by its number in the batch. Gives all actions, (B, 11)."""
    number = torch.arange(len(u), device=u.device)
    explored, looked = explore(state, last, u), look_away(state, last, u)
    seeking, mashed = use_doors(state, last, u), mash(state, last, u)
    idled = torch.zeros_like(mashed)
    rules = [seeking, looked, explored, seeking, looked, explored, mashed, seeking, idled]
    held = torch.stack(rules)[number % len(rules), number]
    axis = _by_axis(held, last[:, _TURN], u)
    by_axis = (number // len(rules) % 2 == 1)[:, None]
    buttons = torch.cat([held[:, :4], torch.where(by_axis, 0.0, held[:, 4:6]), held[:, 6:]], 1)
    axis = torch.where(by_axis, axis[:, None], 0.0)
    return torch.cat([buttons, _camera(state, last, u), axis], 1)


def _held(
    forward: Tensor, left: Tensor, right: Tensor, turn_left: Tensor, turn_right: Tensor, use: Tensor
) -> Tensor:
    back = torch.zeros_like(forward)
    return torch.stack([forward, back, left, right, turn_left, turn_right, use], 1).float()


def _dice(turn: Tensor, which: int) -> Tensor:
    """A number that looks random, 0 to 1, the same for the same turn of the clock."""
    return (torch.sin(turn * 12.9898 + which * 78.233) * 43758.547) % 1


def _turn_to(state: CorridorsState, heading: Tensor) -> tuple[Tensor, Tensor]:
    """Whether to turn left, and right, so as to look towards `heading`."""
    coming = state.heading + state.turning * TURN_RESPONSE
    off = (coming - heading + math.pi) % (2 * math.pi) - math.pi
    return off > 0.08, off < -0.08


def _by_axis(held: Tensor, last: Tensor, u: Tensor) -> Tensor:
    """The axis that turns where the buttons would: mostly smoothly, now and then in a flick."""
    wanted = held[:, 5] - held[:, 4]
    smooth = last + 0.4 * ((0.3 + 0.9 * u[:, 10]) * wanted - last)
    flicks = torch.where(last.abs() > 1.6, u[:, 11] < 0.7, (u[:, 11] < 0.06) & (wanted != 0))
    side = torch.where(last.abs() > 1.6, last.sign(), wanted)
    flick = side * (1.7 + (TURN_MOST - 1.7) * u[:, 10])
    axis = torch.where(flicks, flick, smooth.clamp(-1.5, 1.5))
    return torch.where(axis.abs() < 0.02, 0.0, axis)


def _camera(state: CorridorsState, last: Tensor, u: Tensor) -> Tensor:
    """The camera's buttons, (B, 3): seldom, and a view to the rear does not last."""
    closer, wider, _ = last[:, _WALKING : len(BUTTONS)].unbind(1)
    closer = torch.where(closer > 0.5, u[:, 12] < 0.92, u[:, 12] < 0.006)
    wider = torch.where(wider > 0.5, u[:, 13] < 0.92, u[:, 13] < 0.010)
    wider &= state.zoom > 1
    switch = u[:, 14] < torch.where(state.rear > 0.5, 0.04, 0.004)
    return torch.stack([closer & ~wider, wider, switch], 1).float()
