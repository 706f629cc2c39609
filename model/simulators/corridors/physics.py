"""The corridors' state and laws: someone who walks, looks, and opens doors.

Lengths are in cells (a cell is as wide as the rooms are high), angles in radians with x towards
y positive, times in seconds. Everything is batched over worlds: each field of `CorridorsState`
has shape (B,), those of doors (B, DOORS).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import (
    BUTTONS,
    CONTACTS,
    DOOR_HALF,
    FLOORS,
    RADIUS,
    SUBSTEPS,
    TURN_MOST,
    TURN_SPEED,
    WALK_SPEED,
)
from lightcone.model.families.staged.corridors.plans import place, plans
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera
from lightcone.model.families.staged.shared.fields import Fields
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.clips import Contacts
from lightcone.model.simulators.soundscape import Pulse

DT = 1.0 / (FPS * SUBSTEPS)

WALK_RESPONSE = 0.08  # seconds to close 63 % of the gap to the wanted speed
TURN_RESPONSE = 0.06
STRIDES_PER_LENGTH = 0.8
BUMP_SPEED = 0.35  # slower touches of walls are silent

DOOR_SPEED = 2.0  # openness per second
DOOR_REACH = 1.35


@dataclass(frozen=True)
class CorridorsState(Fields):
    x: Tensor  # middle of the player
    y: Tensor
    vx: Tensor
    vy: Tensor
    heading: Tensor  # radians, 0 looks along x
    turning: Tensor  # radians per second
    gait: Tensor  # strides taken; its fraction is the phase
    use_pressed: Tensor  # 1 if use was held in the last frame
    doors: Tensor  # (B, DOORS) openness, 0 closed to 1 open
    doors_wanted: Tensor  # (B, DOORS) 1 if set to open, 0 to close
    zoom: Tensor  # 1 to camera.ZOOM_MOST
    rear: Tensor  # 1 while one looks back over the shoulder
    camera_pressed: Tensor  # 1 if camera was held in the last frame
    clock: Tensor  # seconds
    pulse: Pulse
    plan: Tensor  # index into plans.plans
    light: Tensor  # index into drawing.LIGHTS
    style: Tensor  # index into words.STYLES
    music: Tensor  # index into words.MUSIC

    @property
    def speed(self) -> Tensor:
        return (self.vx.square() + self.vy.square()).sqrt()


def advance(state: CorridorsState, actions: Tensor) -> tuple[CorridorsState, Contacts]:
    """One frame. `actions` is (B, 11) in the order of ACTIONS: buttons 0 or 1, then the axis."""
    contacts = Contacts.none(CONTACTS, len(actions), actions.device)
    held = (actions[:, : len(BUTTONS)] > 0.5).float()
    forward, back, left, right, turn_left, turn_right, use, *_ = held.unbind(1)
    axis = actions[:, len(BUTTONS)].clamp(-TURN_MOST, TURN_MOST)
    state = _use(state, (use > 0.5) & (state.use_pressed < 0.5), contacts)
    state = _look(replace(state, use_pressed=use), held[:, 7:])
    ahead, aside = forward - back, right - left
    scale = WALK_SPEED / (ahead.square() + aside.square()).sqrt().clamp_min(1)
    ahead, aside = ahead * scale, aside * scale
    want_turn = (turn_right - turn_left + axis) * TURN_SPEED
    for substep in range(SUBSTEPS):
        state = _move_doors(state)
        state = _walk(state, ahead, aside, want_turn, contacts, substep / SUBSTEPS)
    activity = 0.75 * state.speed / WALK_SPEED + 0.25 * state.turning.abs() / TURN_SPEED
    pulse = soundscape.advance(state.pulse, activity.clamp(max=1))
    return replace(state, pulse=pulse, clock=state.clock + 1 / FPS), contacts


def _look(s: CorridorsState, held: Tensor) -> CorridorsState:
    """What the camera's buttons `held` (B, 3) do; the body does not feel it."""
    zoom_in, zoom_out, button = held.unbind(1)
    zoom = s.zoom * 2.0 ** ((zoom_in - zoom_out) * (camera.ZOOM_SPEED / FPS))
    switch = (button > 0.5) & (s.camera_pressed < 0.5)
    return replace(
        s,
        zoom=zoom.clamp(1, camera.ZOOM_MOST),
        rear=torch.where(switch, 1 - s.rear, s.rear),
        camera_pressed=button,
    )


def door_in_reach(s: CorridorsState) -> tuple[Tensor, Tensor]:
    """(number of the door that "use" would move (B,), whether there is one (B,))."""
    tables = plans(s.x.device)
    dx = tables.door_x[s.plan.long()] - s.x[:, None]
    dy = tables.door_y[s.plan.long()] - s.y[:, None]
    distance = (dx.square() + dy.square()).sqrt().clamp_min(1e-6)
    facing = dx * torch.cos(s.heading)[:, None] + dy * torch.sin(s.heading)[:, None]
    out_of_reach = (distance > DOOR_REACH) | (facing < 0.5 * distance)
    nearest, number = (distance + 1e3 * out_of_reach).min(1)
    return number, nearest < DOOR_REACH


def _use(s: CorridorsState, now: Tensor, contacts: Contacts) -> CorridorsState:
    """Set the door in reach to open or close."""
    number, there = door_in_reach(s)
    now = now & there
    contacts.add("door", now, torch.full_like(s.x, 0.7), 0.0)
    flipped = s.doors_wanted.scatter(
        1, number[:, None], 1 - s.doors_wanted.gather(1, number[:, None])
    )
    return replace(s, doors_wanted=torch.where(now[:, None], flipped, s.doors_wanted))


def _move_doors(s: CorridorsState) -> CorridorsState:
    """Doors slide towards where they were set; none closes on someone in its way."""
    tables = plans(s.x.device)
    dx = (tables.door_x[s.plan.long()] - s.x[:, None]).abs()
    dy = (tables.door_y[s.plan.long()] - s.y[:, None]).abs()
    in_way = torch.maximum(dx, dy) < 0.5 + RADIUS
    move = (s.doors_wanted - s.doors).clamp(-DOOR_SPEED * DT, DOOR_SPEED * DT)
    return replace(s, doors=s.doors + torch.where(in_way, move.clamp_min(0), move))


def _walk(
    s: CorridorsState,
    ahead: Tensor,
    aside: Tensor,
    want_turn: Tensor,
    contacts: Contacts,
    when: float,
) -> CorridorsState:
    turning = s.turning + (want_turn - s.turning) * (DT / TURN_RESPONSE)
    heading = s.heading + turning * DT
    c, n = torch.cos(heading), torch.sin(heading)
    vx = s.vx + (ahead * c - aside * n - s.vx) * (DT / WALK_RESPONSE)
    vy = s.vy + (ahead * n + aside * c - s.vy) * (DT / WALK_RESPONSE)
    x, y = s.x + vx * DT, s.y + vy * DT
    x, y, vx, vy, impact = _keep_out(s, x, y, vx, vy)
    contacts.add("bump", impact > BUMP_SPEED, 0.3 + 0.4 * impact, when)

    speed = (vx.square() + vy.square()).sqrt()
    gait = s.gait + speed * STRIDES_PER_LENGTH * DT
    step = torch.floor(gait * 2) > torch.floor(s.gait * 2)
    tables = plans(s.x.device)
    floor = tables.at(tables.floor, s.plan, x, y)
    for k, name in enumerate(FLOORS):
        contacts.add(f"step_{name}", step & (floor == k), 0.3 + 0.4 * speed / WALK_SPEED, when)
    return replace(s, x=x, y=y, vx=vx, vy=vy, heading=heading, turning=turning, gait=gait)


def _keep_out(
    s: CorridorsState, x: Tensor, y: Tensor, vx: Tensor, vy: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Push a disc of RADIUS out of walls and doors and stop its motion into them; last of the
    results is the fastest impact, 0 where there was none."""
    tables = plans(x.device)
    # He touches no more than his own cell and three beside it. The corner comes last, so that
    # one slides along a row of cells without catching at their joints.
    own_x, own_y = x.floor(), y.floor()
    side_x, side_y = (x + 0.5).floor() * 2 - own_x - 1, (y + 0.5).floor() * 2 - own_y - 1
    column = torch.stack([own_x, side_x, own_x, side_x], 1)
    row = torch.stack([own_y, own_y, side_y, side_y], 1)
    cell = place(s.plan[:, None], column, row)
    door = tables.door.view(-1)[cell]
    is_door = door >= 0
    openness = torch.where(is_door, s.doors.gather(1, door.clamp_min(0)), 0.0)
    along_y = tables.passage.view(-1)[cell] > 0
    solid = tables.wall.view(-1)[cell] | (is_door & (openness < 0.99))
    # An obstacle is the whole cell, or the panel of a door, which slides towards greater x or y.
    thin = 0.5 - DOOR_HALF
    low_x = column + torch.where(is_door, torch.where(along_y, openness, thin), 0.0)
    low_y = row + torch.where(is_door, torch.where(along_y, thin, openness), 0.0)
    high_x = column + torch.where(is_door & ~along_y, 1 - thin, 1.0)
    high_y = row + torch.where(is_door & along_y, 1 - thin, 1.0)
    fastest = torch.zeros_like(x)
    for k in range(column.shape[1]):
        dx = x - torch.minimum(torch.maximum(x, low_x[:, k]), high_x[:, k])
        dy = y - torch.minimum(torch.maximum(y, low_y[:, k]), high_y[:, k])
        distance = (dx.square() + dy.square()).sqrt().clamp_min(1e-6)
        touch = solid[:, k] & (distance < RADIUS)
        nx, ny = dx / distance, dy / distance
        push = torch.where(touch, RADIUS - distance, 0.0)
        inward = torch.where(touch, -(vx * nx + vy * ny), 0.0).clamp_min(0)
        x, y = x + nx * push, y + ny * push
        vx, vy = vx + nx * inward, vy + ny * inward
        fastest = torch.maximum(fastest, inward)
    return x, y, vx, vy, fastest


def clearance(s: CorridorsState, turn: float, reach: float = 2.0, step: float = 0.2) -> Tensor:
    """Free way from the player, `turn` radians right of where he looks: (B,), in cells up to
    `reach`."""
    tables = plans(s.x.device)
    along = torch.arange(1, round(reach / step) + 1, device=s.x.device) * step
    angle = (s.heading + turn)[:, None]
    x, y = s.x[:, None] + along * torch.cos(angle), s.y[:, None] + along * torch.sin(angle)
    plan = s.plan[:, None].expand_as(x)
    door = tables.at(tables.door, plan, x, y)
    closed = (door >= 0) & (s.doors.gather(1, door.clamp_min(0)) < 0.9)
    free = ~(tables.at(tables.wall, plan, x, y) | closed)
    return free.long().cumprod(1).sum(1) * step


def door_ahead(s: CorridorsState, reach: float = 5.0, step: float = 0.1) -> Tensor:
    """Openness of the first door straight ahead, -1 where there is none within `reach`:
    (B,)."""
    tables = plans(s.x.device)
    along = torch.arange(round(reach / step), device=s.x.device) * step
    x = s.x[:, None] + along * torch.cos(s.heading)[:, None]
    y = s.y[:, None] + along * torch.sin(s.heading)[:, None]
    plan = s.plan[:, None].expand_as(x)
    door = tables.at(tables.door, plan, x, y)
    door = torch.where(tables.at(tables.wall, plan, x, y), -2, door)
    first = (door != -1).long().argmax(1, keepdim=True)
    found = door.gather(1, first)
    openness = s.doors.gather(1, found.clamp_min(0))
    return torch.where(found >= 0, openness, -1.0)[:, 0]
