"""Where clips of the court begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import (
    BALL_RADIUS,
    FLOOR,
    HOOP_FROM_WALL,
    JUMP_SPEED,
    PLAYER_MARGIN,
    RIM_HALF,
    RUN_SPEED,
    WIDTH,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera, words
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.court import drawing
from lightcone.model.simulators.court.physics import (
    CLOCK_SECONDS,
    GRAVITY,
    HAND_AHEAD,
    HAND_HIGH,
    REACH_HIGH,
)
from lightcone.model.simulators.court.state import FREE, PLAYER, RIVAL, Ball, Body, CourtState

Thing = TypeVar("Thing", Body, Ball)

APPEARANCE = ("look", "time", "weather", "style", "shirt", "rival_shirt", "music")
GYM = [look.name for look in drawing.LOOKS].index("gym")
_PLACES = 26
START_NUMBERS = _PLACES + len(APPEARANCE)  # random numbers that one start takes


def starts(numbers: Tensor) -> CourtState:
    """Start states from uniform random numbers, (B, START_NUMBERS)."""
    u = numbers[:, :_PLACES].unbind(1)
    zero = torch.zeros_like(u[0])
    side = torch.where(u[0] < 0.5, -1.0, 1.0)
    hoop_x = WIDTH / 2 + side * (WIDTH / 2 - HOOP_FROM_WALL)
    hoop_y = 0.54 + 0.12 * u[1]
    rivals = (u[2] < 0.6).float()
    player = _body(u[3], u[4], u[5], u[6])
    rival = _body(u[7], u[8], u[9], u[10])
    resting = Body(zero + WIDTH / 2, zero + FLOOR, zero, zero, zero + 1, zero, zero, zero)
    rival = _choose(rivals > 0.5, rival, resting)

    held = torch.where(u[11] < 0.22, PLAYER, torch.where(u[11] < 0.36, RIVAL * rivals, FREE))
    aimed = (held == FREE) & (u[11] < 0.80)
    ball = _choose(aimed, _aimed(u[12:17], hoop_x, hoop_y, side, player), _rolling(u[12:16]))
    ball = _choose(held == PLAYER, _carried(player), ball)
    ball = _choose(held == RIVAL, _carried(rival), ball)
    distance = 0.28 + 0.45 * u[18]
    state = CourtState(
        player=player,
        rival=rival,
        ball=replace(ball, spin=6.28 * u[17]),
        holder=held,
        shot_pressed=zero,
        net=zero,
        net_speed=zero,
        camera=camera.start(torch.stack(u[19:22], 1)),
        pulse=soundscape.start(torch.stack(u[22:24], 1)),
        clock=(u[24] * CLOCK_SECONDS * FPS).floor() / FPS,
        hoop_side=side,
        hoop_y=hoop_y,
        rivals=rivals,
        spot=hoop_x - side * distance,
        look=zero,
        time=zero,
        weather=zero,
        style=zero,
        shirt=zero,
        rival_shirt=zero,
        music=zero,
    )
    return restyle(state, numbers[:, _PLACES:])


def restyle(states: CourtState, numbers: Tensor) -> CourtState:
    """The same with another appearance, from uniform random numbers (B, len(APPEARANCE)). Fields
    are (B,) or (B, T)."""
    u = dict(zip(APPEARANCE, numbers.unbind(1), strict=True))

    def index(name: str, count: int) -> Tensor:
        return (u[name] * count).floor().clamp(max=count - 1)

    def index_mostly_first(name: str, count: int) -> Tensor:
        others = 1 + ((2 * u[name] - 1) * (count - 1)).floor().clamp(max=count - 2)
        return torch.where(u[name] < 0.5, 0.0, others)

    look = index("look", len(drawing.LOOKS))
    shirts = len(drawing.SHIRTS)
    shirt = index("shirt", shirts)
    weather = index_mostly_first("weather", len(words.WEATHERS))
    style = index_mostly_first("style", len(words.STYLES))
    frames = states.hoop_y.shape[1:]

    def spread(index: Tensor) -> Tensor:
        return index.reshape(-1, *(1 for _ in frames)).expand(-1, *frames)

    return replace(
        states,
        look=spread(look),
        time=spread(index("time", len(words.TIMES))),
        weather=spread(torch.where(look == GYM, 0.0, weather)),  # no rain under a roof
        style=spread(style),
        shirt=spread(shirt),
        rival_shirt=spread((shirt + 1 + index("rival_shirt", shirts - 1)) % shirts),
        music=spread(index("music", len(words.MUSIC))),
    )


def _body(place: Tensor, speed: Tensor, height: Tensor, other: Tensor) -> Body:
    """Somebody at rest, running or in a jump."""
    zero = torch.zeros_like(place)
    running = (speed > 0.4).float()
    jumping = height > 0.75
    rise = 0.15 * (height - 0.75) * 4
    fastest = (JUMP_SPEED**2 - 2 * GRAVITY * rise).clamp_min(0).sqrt()
    vx = running * (2 * (speed - 0.4) / 0.6 - 1) * RUN_SPEED
    return Body(
        x=PLAYER_MARGIN + (WIDTH - 2 * PLAYER_MARGIN) * place,
        y=torch.where(jumping, FLOOR + 0.01 + rise, FLOOR),
        vx=vx,
        vy=torch.where(jumping, torch.where(other < 0.5, -fastest, fastest), zero),
        facing=torch.where(torch.where(vx == 0, other - 0.5, vx) < 0, -1.0, 1.0),
        gait=other * 7 % 1,
        arms=zero,
        pause=zero,
    )


def _carried(body: Body) -> Ball:
    zero = torch.zeros_like(body.x)
    return Ball(body.x + body.facing * HAND_AHEAD, body.y + HAND_HIGH, body.vx, zero, zero)


def _rolling(u: tuple[Tensor, ...]) -> Ball:
    """On the floor or let fall."""
    fall = (u[0] < 0.5).float()
    return Ball(
        x=0.1 + (WIDTH - 0.2) * u[1],
        y=FLOOR + BALL_RADIUS + fall * 0.55 * u[2],
        vx=(u[3] - 0.5) * 1.2,
        vy=torch.zeros_like(fall),
        spin=torch.zeros_like(fall),
    )


def _aimed(
    u: tuple[Tensor, ...], hoop_x: Tensor, hoop_y: Tensor, side: Tensor, player: Body
) -> Ball:
    """In flight so that it soon is at the rim, the board, a wall or the player's hands."""
    spread = 2 * u[1] - 1
    aims = (
        (0.45, hoop_x + spread * (RIM_HALF + BALL_RADIUS), hoop_y),
        (0.65, hoop_x + side * (RIM_HALF + 0.02), hoop_y + 0.05 + 0.10 * u[1]),
        (0.80, torch.where(spread < 0, BALL_RADIUS, WIDTH - BALL_RADIUS), 0.25 + 0.6 * u[1]),
        (1.01, player.x + 0.05 * spread, player.y + REACH_HIGH),
    )
    at_x, at_y = torch.zeros_like(hoop_x), torch.zeros_like(hoop_x)
    for below, x, y in reversed(aims):
        at_x, at_y = torch.where(u[0] < below, x, at_x), torch.where(u[0] < below, y, at_y)
    seconds = 0.1 + 0.6 * u[2]
    x = (at_x - (2 * u[3] - 1) * 0.8 * seconds).clamp(BALL_RADIUS, WIDTH - BALL_RADIUS)
    y = (at_y + (1.4 * u[4] - 0.6) * seconds).clamp(FLOOR + BALL_RADIUS, 0.92)
    vy = (at_y - y) / seconds + GRAVITY * seconds / 2
    return Ball(x, y, (at_x - x) / seconds, vy, torch.zeros_like(x))


def _choose(mask: Tensor, yes: Thing, no: Thing) -> Thing:
    """Field by field."""
    return type(yes)(**{k: torch.where(mask, v, vars(no)[k]) for k, v in vars(yes).items()})
