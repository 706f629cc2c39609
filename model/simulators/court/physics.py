"""The court's laws: how two runners and a ball move between floor, walls and a hoop."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import (
    BALL_RADIUS,
    BOARD_GAP,
    CLOSE_ZOOM,
    CONTACTS,
    FLOOR,
    JUMP_SPEED,
    LOOK_UP,
    PICKUP_PAUSE,
    PLAYER_MARGIN,
    RIM_HALF,
    RUN_SPEED,
    STRIDES_PER_LENGTH,
    SUBSTEPS,
    WIDTH,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.clips import Contacts
from lightcone.model.simulators.court import rival as rivals
from lightcone.model.simulators.court.state import FREE, PLAYER, RIVAL, Ball, Body
from lightcone.model.simulators.court.state import CourtState as CourtState

DT = 1.0 / (FPS * SUBSTEPS)

GRAVITY = 1.8

RUN_RESPONSE = 0.07  # seconds to close 63 % of the gap to the wanted speed
TURN_AT = 0.4  # of full speed; who wants to go slower looks on where he looked

RIM_WIRE = 0.007
BOARD_LOW, BOARD_HIGH = -0.03, 0.17
HAND_AHEAD, HAND_HIGH = 0.05, 0.165  # where the ball is carried, from the feet
REACH_HIGH = 0.13
PICKUP_REACH = 0.095
STEAL_PAUSE = 0.9  # after the ball was taken away
RESTITUTION = {"floor": 0.78, "wall": 0.70, "board": 0.66, "rim": 0.60}

CLOCK_SECONDS = 2.0  # after which everything that repeats by the clock does


def advance(state: CourtState, actions: Tensor) -> tuple[CourtState, Contacts]:
    """One frame. `actions` is (B, len(BUTTONS)) in the order of BUTTONS, 0 or 1."""
    contacts = Contacts.none(CONTACTS, len(actions), actions.device)
    held = actions > 0.5
    left, right, jump, shoot = held[:, :4].unbind(1)
    theirs = rivals.decide(state)
    run = torch.stack([right.float() - left.float(), theirs.run]) * RUN_SPEED
    jumps = torch.stack([jump, theirs.jump])
    throws = torch.stack([shoot & (state.shot_pressed < 0.5), theirs.shoot])
    # Both bodies obey the same laws: from here on their fields are (2, B).
    bodies = Body.stack([state.player, state.rival], 0)
    bodies, state = _throw(bodies, state, throws, contacts)
    for substep in range(SUBSTEPS):
        when = substep / SUBSTEPS
        bodies = _move(bodies, run, jumps, contacts, when)
        state = _move_ball(state, contacts, when)
        bodies, state = _hold(bodies, state, contacts, when)
    player, rival = bodies[0], bodies[1]
    view = cameras.advance(
        state.camera,
        actions[:, 4:],
        follow=(player.x, player.y + LOOK_UP),
        close=(state.hoop_x, state.hoop_y, CLOSE_ZOOM),
    )
    state = replace(
        state,
        player=player,
        rival=rival,
        shot_pressed=shoot.float(),
        camera=view,
        pulse=soundscape.advance(state.pulse, activity(player, rival, state.ball)),
        clock=(state.clock + 1 / FPS) % CLOCK_SECONDS,
    )
    return state, contacts


def activity(player: Body, rival: Body, ball: Ball) -> Tensor:
    """How lively the game is, 0 to 1: (B,)."""
    running = (player.vx.abs() + rival.vx.abs()) / (2 * RUN_SPEED)
    flying = ((ball.vx.square() + ball.vy.square()).sqrt() / 1.5).clamp(max=1)
    return (0.7 * running + 0.6 * flying).clamp(max=1)


def _throw(
    bodies: Body, s: CourtState, wanted: Tensor, contacts: Contacts
) -> tuple[Body, CourtState]:
    """A ballistic throw at the rim, off by what a hurried shooter is off by."""
    mine = torch.stack([s.holder == PLAYER, s.holder == RIVAL]) & wanted  # (2, B)
    now, theirs = mine.any(0), mine[1]
    by_x, by_y, by_vx, by_vy = (
        torch.where(theirs, field[1], field[0])
        for field in (bodies.x, bodies.y, bodies.vx, bodies.vy)
    )
    x = by_x + 0.03 * s.hoop_side
    y = by_y + 0.30
    dx, dy = s.hoop_x - x, s.hoop_y + 0.01 - y
    flight = 0.52 + 0.42 * dx.abs()
    vx = dx / flight + 0.22 * by_vx + 0.035 * torch.sin(19 * by_x)
    vy = dy / flight + 0.5 * GRAVITY * flight + 0.12 * by_vy + 0.03 * torch.cos(13 * by_x)
    contacts.add("throw", now, torch.full_like(x, 0.6), 0.0)
    bodies = replace(
        bodies,
        pause=torch.where(mine, PICKUP_PAUSE, bodies.pause),
        arms=torch.where(mine, 1.0, bodies.arms),
        facing=torch.where(mine, s.hoop_side, bodies.facing),
    )
    ball = Ball(
        x=torch.where(now, x, s.ball.x),
        y=torch.where(now, y, s.ball.y),
        vx=torch.where(now, vx, s.ball.vx),
        vy=torch.where(now, vy, s.ball.vy),
        spin=s.ball.spin,
    )
    return bodies, replace(s, ball=ball, holder=torch.where(now, FREE, s.holder))


def _move(b: Body, want: Tensor, jump: Tensor, contacts: Contacts, when: float) -> Body:
    """`want` (2, B) is the speed that each is after."""
    floor = b.on_floor
    vx = b.vx + (want - b.vx) * (DT / RUN_RESPONSE) * torch.where(floor, 1.0, 0.5)
    vy = torch.where(floor & jump, JUMP_SPEED, b.vy - GRAVITY * DT * (~floor).float())
    x = (b.x + vx * DT).clamp(PLAYER_MARGIN, WIDTH - PLAYER_MARGIN)
    vx = torch.where((x - b.x - vx * DT).abs() > 1e-7, 0.0, vx)
    y = b.y + vy * DT
    landed = (y <= FLOOR) & ~floor
    y = y.clamp_min(FLOOR)
    gait = b.gait + torch.where(floor, vx.abs() * STRIDES_PER_LENGTH * DT, 0.0)
    steps = (torch.floor(gait * 2) > torch.floor(b.gait * 2)) & floor
    _add_both(contacts, "land", landed, (-vy).clamp(0, 1), when)
    _add_both(contacts, "step", steps, 0.35 + 0.5 * vx.abs(), when)
    return Body(
        x=x,
        y=y,
        vx=vx,
        vy=torch.where(landed, 0.0, vy),
        facing=torch.where(want.abs() > TURN_AT * RUN_SPEED, torch.sign(want), b.facing),
        gait=gait,
        arms=(b.arms - 2.5 * DT).clamp_min(0),
        pause=(b.pause - DT).clamp_min(0),
    )


def _add_both(contacts: Contacts, kind: str, hit: Tensor, strength: Tensor, when: float) -> None:
    contacts.add(kind, hit.any(0), torch.where(hit, strength, 0.0).amax(0), when)


def _move_ball(s: CourtState, contacts: Contacts, when: float) -> CourtState:
    """A free ball flies, bounces and falls through the hoop; a carried one is `_hold`'s."""
    free = s.holder == FREE
    vx, vy = s.ball.vx, s.ball.vy - GRAVITY * DT
    x, y = s.ball.x + vx * DT, s.ball.y + vy * DT

    hit = (y < FLOOR + BALL_RADIUS) & (vy < 0)
    contacts.add("bounce", hit & free & (vy < -0.12), (-vy).clamp(0, 2), when)
    y = torch.where(hit, FLOOR + BALL_RADIUS, y)
    bounced = torch.where(vy < -0.12, -vy * RESTITUTION["floor"], 0.0)
    vy = torch.where(hit, bounced, vy)
    vx = torch.where(hit, vx * 0.985, vx)

    low, high = BALL_RADIUS, WIDTH - BALL_RADIUS
    hit = ((x < low) & (vx < 0)) | ((x > high) & (vx > 0))
    contacts.add("wall", hit & free & (vx.abs() > 0.08), vx.abs().clamp(0, 2), when)
    x = x.clamp(low, high)
    vx = torch.where(hit, -vx * RESTITUTION["wall"], vx)

    rim_x, rim_y = s.hoop_x, s.hoop_y
    board_x = rim_x + s.hoop_side * (RIM_HALF + BOARD_GAP)
    board_y = torch.minimum(torch.maximum(y, rim_y + BOARD_LOW), rim_y + BOARD_HIGH)
    x, y, vx, vy, speed = _bounce_off(x, y, vx, vy, board_x, board_y, 0.012, RESTITUTION["board"])
    contacts.add("board", (speed > 0.08) & free, speed.clamp(0, 2), when)
    for side in (-1.0, 1.0):
        x, y, vx, vy, speed = _bounce_off(
            x, y, vx, vy, rim_x + side * RIM_HALF, rim_y, RIM_WIRE, RESTITUTION["rim"]
        )
        contacts.add("rim", (speed > 0.05) & free, speed.clamp(0, 2), when)

    through = free & (s.ball.y >= rim_y) & (y < rim_y) & ((x - rim_x).abs() < RIM_HALF)
    contacts.add("swish", through, torch.full_like(x, 0.9), when)
    vx = torch.where(through, 0.35 * vx, vx)
    vy = torch.where(through, 0.75 * vy, vy)
    net_speed = s.net_speed + (-220 * s.net - 7 * s.net_speed) * DT
    net_speed = torch.where(through, 0.9, net_speed)

    ball = Ball(
        x=torch.where(free, x, s.ball.x),
        y=torch.where(free, y, s.ball.y),
        vx=torch.where(free, vx, s.ball.vx),
        vy=torch.where(free, vy, s.ball.vy),
        spin=s.ball.spin - torch.where(free, vx, 0.0) * DT / BALL_RADIUS,
    )
    return replace(s, ball=ball, net=s.net + net_speed * DT, net_speed=net_speed)


def _hold(b: Body, s: CourtState, contacts: Contacts, when: float) -> tuple[Body, CourtState]:
    """A free ball is picked up by whom it touches, a carried one is taken from the front, and
    then follows the hand."""
    ball = s.ball
    holds = torch.stack([s.holder == PLAYER, s.holder == RIVAL])  # (2, B)
    near = (ball.x - b.x).square() + (ball.y - b.y - REACH_HIGH).square() < PICKUP_REACH**2
    other_x, other_facing = b.x.flip(0), b.facing.flip(0)
    from_the_front = (b.x - other_x) * other_facing > 0
    open_to = (s.holder == FREE) | (holds.flip(0) & from_the_front)
    takes = open_to & near & (b.pause <= 0)
    first = takes[0]
    second = takes[1] & ~first & (s.rivals > 0.5)
    holder = torch.where(first, PLAYER, torch.where(second, RIVAL, s.holder))
    takes = torch.stack([first, second])
    contacts.add("pickup", first | second, torch.full_like(ball.x, 0.6), when)
    pause = torch.where(takes.flip(0) & holds, STEAL_PAUSE, b.pause)

    carried, theirs = holder != FREE, holder == RIVAL
    hand_x, hand_y, speed = (
        torch.where(theirs, field[1], field[0])
        for field in (b.x + b.facing * HAND_AHEAD, b.y + HAND_HIGH, b.vx)
    )
    ball = Ball(
        x=torch.where(carried, ball.x + (hand_x - ball.x) * 0.35, ball.x),
        y=torch.where(carried, ball.y + (hand_y - ball.y) * 0.35, ball.y),
        vx=torch.where(carried, speed, ball.vx),
        vy=torch.where(carried, 0.0, ball.vy),
        spin=ball.spin,
    )
    return replace(b, pause=pause), replace(s, ball=ball, holder=holder)


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
