"""The court's state and laws: a runner, a ball, a hoop, walls and a floor.

Lengths are in picture heights (the court is 4/3 wide and 1 high), y points up, times are in
seconds. Everything is batched over worlds: each field of `CourtState` has shape (B,).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model.interface import FPS
from model.worlds.clips import Contacts, State

SUBSTEPS = 4
DT = 1.0 / (FPS * SUBSTEPS)

WIDTH = 4 / 3
FLOOR = 0.13
GRAVITY = 1.8

RUN_SPEED = 0.62
RUN_RESPONSE = 0.07  # seconds to close 63 % of the gap to the wanted speed
JUMP_SPEED = 0.80
PLAYER_MARGIN = 0.07
STRIDES_PER_LENGTH = 3.6

BALL_RADIUS = 0.042
RIM_HALF = 0.066
RIM_WIRE = 0.007
BOARD_GAP = 0.026
BOARD_LOW, BOARD_HIGH = -0.03, 0.17
HOOP_FROM_WALL = 0.20
PICKUP_REACH = 0.095
PICKUP_PAUSE = 0.55
RESTITUTION = {"floor": 0.78, "wall": 0.70, "board": 0.66, "rim": 0.60}

BUTTONS = ("left", "right", "jump", "shoot")
CONTACTS = ("bounce", "rim", "board", "wall", "swish", "step", "land", "pickup", "throw")


@dataclass(frozen=True)
class CourtState(State):
    px: Tensor  # feet of the player
    py: Tensor
    pvx: Tensor
    pvy: Tensor
    facing: Tensor  # -1 left, +1 right
    gait: Tensor  # strides taken; its fraction is the phase
    bx: Tensor  # centre of the ball
    by: Tensor
    bvx: Tensor
    bvy: Tensor
    spin: Tensor  # angle of the ball, radians
    held: Tensor  # 1 while the player has the ball
    pause: Tensor  # seconds until it may be picked up again
    shot_pressed: Tensor  # 1 if shoot was held in the last frame
    arms: Tensor  # 1 right after a throw, falls to 0
    net: Tensor  # how far the net is pushed down, 0 at rest
    net_speed: Tensor
    hoop_side: Tensor  # -1 left, +1 right
    hoop_y: Tensor  # height of the rim
    look: Tensor  # index into drawing.LOOKS
    shirt: Tensor  # index into drawing.SHIRTS

    @property
    def hoop_x(self) -> Tensor:
        return torch.where(self.hoop_side > 0, WIDTH - HOOP_FROM_WALL, HOOP_FROM_WALL)

    @property
    def on_floor(self) -> Tensor:
        return self.py <= FLOOR + 1e-6


def advance(state: CourtState, actions: Tensor) -> tuple[CourtState, Contacts]:
    """One frame. `actions` is (B, 4) in the order of BUTTONS, 0 or 1."""
    contacts = Contacts.none(CONTACTS, len(actions), actions.device)
    left, right, jump, shoot = (actions > 0.5).unbind(1)
    state = _throw(state, shoot & (state.shot_pressed < 0.5), contacts)
    state = replace(state, shot_pressed=shoot.float())
    want = (right.float() - left.float()) * RUN_SPEED
    for substep in range(SUBSTEPS):
        when = substep / SUBSTEPS
        state = _move_player(state, want, jump, contacts, when)
        state = _move_ball(state, contacts, when)
    return state, contacts


def _throw(s: CourtState, now: Tensor, contacts: Contacts) -> CourtState:
    """A ballistic throw at the rim, off by what a hurried shooter is off by."""
    now = now & (s.held > 0.5)
    x = s.px + 0.03 * s.hoop_side
    y = s.py + 0.30
    dx, dy = s.hoop_x - x, s.hoop_y + 0.01 - y
    flight = 0.52 + 0.42 * dx.abs()
    vx = dx / flight + 0.22 * s.pvx + 0.035 * torch.sin(19 * s.px)
    vy = dy / flight + 0.5 * GRAVITY * flight + 0.12 * s.pvy + 0.03 * torch.cos(13 * s.px)
    contacts.add("throw", now, torch.full_like(x, 0.6), 0.0)

    def pick(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(now, new, old)

    return replace(
        s,
        bx=pick(x, s.bx),
        by=pick(y, s.by),
        bvx=pick(vx, s.bvx),
        bvy=pick(vy, s.bvy),
        held=pick(torch.zeros_like(x), s.held),
        pause=pick(torch.full_like(x, PICKUP_PAUSE), s.pause),
        arms=pick(torch.ones_like(x), s.arms),
        facing=pick(s.hoop_side, s.facing),
    )


def _move_player(
    s: CourtState, want: Tensor, jump: Tensor, contacts: Contacts, when: float
) -> CourtState:
    floor = s.on_floor
    vx = s.pvx + (want - s.pvx) * (DT / RUN_RESPONSE) * torch.where(floor, 1.0, 0.5)
    vy = torch.where(floor & jump, JUMP_SPEED, s.pvy - GRAVITY * DT * (~floor).float())
    x = (s.px + vx * DT).clamp(PLAYER_MARGIN, WIDTH - PLAYER_MARGIN)
    vx = torch.where((x - s.px - vx * DT).abs() > 1e-7, torch.zeros_like(vx), vx)
    y = s.py + vy * DT
    landed = (y <= FLOOR) & ~floor
    contacts.add("land", landed, (-vy).clamp(0, 1), when)
    y = torch.where(y <= FLOOR, torch.full_like(y, FLOOR), y)
    vy = torch.where(landed, torch.zeros_like(vy), vy)
    gait = s.gait + torch.where(floor, vx.abs() * STRIDES_PER_LENGTH * DT, 0.0)
    steps = torch.floor(gait * 2) > torch.floor(s.gait * 2)
    contacts.add("step", steps & floor, 0.35 + 0.5 * vx.abs(), when)
    facing = torch.where(want.abs() > 0, torch.sign(want), s.facing)
    arms = (s.arms - 2.5 * DT).clamp_min(0)
    return replace(s, px=x, py=y, pvx=vx, pvy=vy, gait=gait, facing=facing, arms=arms)


def _move_ball(s: CourtState, contacts: Contacts, when: float) -> CourtState:
    free = s.held < 0.5
    vx, vy = s.bvx, s.bvy - GRAVITY * DT
    x, y = s.bx + vx * DT, s.by + vy * DT

    hit = (y < FLOOR + BALL_RADIUS) & (vy < 0)
    contacts.add("bounce", hit & free & (vy < -0.12), (-vy).clamp(0, 2), when)
    y = torch.where(hit, FLOOR + BALL_RADIUS, y)
    bounced = torch.where(vy < -0.12, -vy * RESTITUTION["floor"], torch.zeros_like(vy))
    vy = torch.where(hit, bounced, vy)
    vx = torch.where(hit, vx * 0.985, vx)

    low, high = BALL_RADIUS, WIDTH - BALL_RADIUS
    hit = ((x < low) & (vx < 0)) | ((x > high) & (vx > 0))
    contacts.add("wall", hit & free & (vx.abs() > 0.08), vx.abs().clamp(0, 2), when)
    x = x.clamp(low, high)
    vx = torch.where(hit, -vx * RESTITUTION["wall"], vx)

    rim_x, rim_y = s.hoop_x, s.hoop_y
    board_x = rim_x + s.hoop_side * (RIM_HALF + BOARD_GAP)
    board_y = y.clamp(min=rim_y + BOARD_LOW, max=rim_y + BOARD_HIGH)
    x, y, vx, vy, speed = _bounce_off(x, y, vx, vy, board_x, board_y, 0.012, RESTITUTION["board"])
    contacts.add("board", (speed > 0.08) & free, speed.clamp(0, 2), when)
    for side in (-1.0, 1.0):
        x, y, vx, vy, speed = _bounce_off(
            x, y, vx, vy, rim_x + side * RIM_HALF, rim_y, RIM_WIRE, RESTITUTION["rim"]
        )
        contacts.add("rim", (speed > 0.05) & free, speed.clamp(0, 2), when)

    through = free & (s.by >= rim_y) & (y < rim_y) & ((x - rim_x).abs() < RIM_HALF)
    contacts.add("swish", through, torch.full_like(x, 0.9), when)
    vx = torch.where(through, 0.35 * vx, vx)
    vy = torch.where(through, 0.75 * vy, vy)
    net_speed = s.net_speed + (-220 * s.net - 7 * s.net_speed) * DT
    net_speed = torch.where(through, torch.full_like(x, 0.9), net_speed)
    net = s.net + net_speed * DT

    pause = (s.pause - DT).clamp_min(0)
    near = (s.bx - s.px).square() + (s.by - s.py - 0.13).square() < PICKUP_REACH**2
    grab = free & (pause <= 0) & near
    contacts.add("pickup", grab, torch.full_like(x, 0.6), when)
    held = torch.where(grab, torch.ones_like(x), s.held)
    carried = held > 0.5
    hand_x, hand_y = s.px + s.facing * 0.05, s.py + 0.165

    def carry(hand: Tensor, free_value: Tensor) -> Tensor:
        return torch.where(carried, hand, free_value)

    return replace(
        s,
        bx=carry(s.bx + (hand_x - s.bx) * 0.35, x),
        by=carry(s.by + (hand_y - s.by) * 0.35, y),
        bvx=carry(s.pvx, vx),
        bvy=carry(s.pvy, vy),
        spin=s.spin - carry(torch.zeros_like(vx), vx) * DT / BALL_RADIUS,
        held=held,
        pause=pause,
        net=net,
        net_speed=net_speed,
    )


def _bounce_off(
    x: Tensor,
    y: Tensor,
    vx: Tensor,
    vy: Tensor,
    at_x: Tensor,
    at_y: Tensor,
    radius: float,
    restitution: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Reflect the ball at the nearest point of an obstacle; last of the results is the impact
    speed, 0 where there was none."""
    dx, dy = x - at_x, y - at_y
    distance = (dx.square() + dy.square()).sqrt().clamp_min(1e-6)
    nx, ny = dx / distance, dy / distance
    inward = -(vx * nx + vy * ny)
    hit = (distance < BALL_RADIUS + radius) & (inward > 0)
    impulse = torch.where(hit, (1 + restitution) * inward, 0.0)
    push = torch.where(hit, BALL_RADIUS + radius - distance, 0.0)
    speed = torch.where(hit, inward, 0.0)
    return x + nx * push, y + ny * push, vx + nx * impulse, vy + ny * impulse, speed
