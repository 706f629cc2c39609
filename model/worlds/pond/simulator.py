"""Clips of the pond: starts, captions, and the whole truth about what happened."""

from __future__ import annotations

import math
from typing import Unpack

import torch
from torch import Tensor

from model.interface import Button, GamepadBinding, WorldInfo
from model.worlds import clips
from model.worlds.pond import drawing, physics, scenery, sound, water
from model.worlds.pond.drivers import DRIVER_NUMBERS, Driver, mixed
from model.worlds.pond.physics import BOARD_HALF, BUTTONS, PondState
from model.worlds.pond.physics import CONTACTS as CONTACTS
from model.worlds.pond.water import LEFT, LEVEL, RIGHT

HEIGHT_PX, WIDTH_PX = 96, 128
FRAMES_PER_CHUNK = 2
START_NUMBERS = 12  # random numbers that one start takes
_WINDS = ("calm", "breezy", "windy")

INFO = WorldInfo(
    name="pond",
    title="Pond",
    description="A paddle board on a pond: paddle, jump off, swim back, climb aboard.",
    width=WIDTH_PX,
    height=HEIGHT_PX,
    frames_per_chunk=FRAMES_PER_CHUNK,
    buttons=(
        Button("left", "Left", ("ArrowLeft", "KeyA"),
               (GamepadBinding("button", 14), GamepadBinding("axis", 0, -1))),
        Button("right", "Right", ("ArrowRight", "KeyD"),
               (GamepadBinding("button", 15), GamepadBinding("axis", 0, 1))),
        Button("jump", "Jump", ("ArrowUp", "KeyW", "Space"),
               (GamepadBinding("button", 0), GamepadBinding("button", 12))),
    ),
    words=(
        *(word for look in scenery.LOOKS for word in look.words),
        *(name for name, _ in drawing.SUITS),
        *(name for name, _ in drawing.PAINTS),
        *_WINDS,
    ),
)  # fmt: skip


Trajectory = clips.Trajectory[PondState]
Clip = clips.Clip[PondState]


def starts(numbers: Tensor) -> PondState:
    """Start states from uniform random numbers, (B, START_NUMBERS)."""
    u = numbers.unbind(1)
    zero = torch.zeros_like(u[0])
    aboard = (u[0] < 0.75).float()
    room = RIGHT - LEFT - 2 * BOARD_HALF
    bx = LEFT + BOARD_HALF + room * u[1]
    swims_at = LEFT + 0.06 + (RIGHT - LEFT - 0.12) * u[2]
    draft = torch.where(aboard > 0.5, physics.DRAFT_LOADED, physics.DRAFT_EMPTY)
    by = LEVEL + physics.BOARD_THICK / 2 - draft
    afloat = LEVEL - physics.AFLOAT * physics.BODY
    wind = torch.where(u[3] < 0.5, -1.0, 1.0) * u[4].pow(1.5)
    along = math.pi * (water.middles(numbers.device) - LEFT) / (RIGHT - LEFT)
    surface = torch.zeros(len(numbers), water.COLUMNS, device=numbers.device)
    for k, modes in enumerate((2, 3, 5, 9)):  # standing waves, none of which moves the mean
        level = 0.008 * (2 * u[5 + k] - 1)
        surface = surface + level[:, None] * torch.cos(modes * along)
    return PondState(
        surface=surface,
        speed=torch.zeros_like(surface),
        bx=bx,
        by=by,
        bvx=zero,
        bvy=zero,
        tilt=zero,
        tilt_rate=zero,
        px=torch.where(aboard > 0.5, bx, swims_at),
        py=torch.where(aboard > 0.5, by + physics.BOARD_THICK / 2, afloat),
        pvx=zero,
        pvy=zero,
        lean=zero,
        lean_rate=zero,
        facing=torch.where(u[9] < 0.5, -1.0, 1.0),
        aboard=aboard,
        stroke=zero,
        jump_pressed=zero,
        splash_x=bx,
        splash_speed=zero,
        splash_age=zero + 9,
        wind=wind,
        clock=60 * u[10],
        look=(u[11] * len(scenery.LOOKS)).floor(),
        suit=(u[11] * 977 % 1 * len(drawing.SUITS)).floor(),
        paint=(u[11] * 3571 % 1 * len(drawing.PAINTS)).floor(),
    )


def simulate(
    start: PondState, frames: int, *, driver: Driver = mixed, **given: Unpack[clips.Given]
) -> Trajectory:
    """As `clips.simulate`, in this world."""
    return clips.simulate(physics.advance, driver, start, frames, buttons=len(BUTTONS), **given)


@torch.no_grad()
def film(truth: Trajectory) -> Clip:
    return Clip(render(truth.states), listen(truth), captions(truth.states), truth)


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); what rang before them is not heard."""
    night = (truth.states.look[:, 0] == scenery.NIGHT).float()
    return sound.render(truth.strength, truth.when, night, truth.states.gust, truth.phase)


def render(states: PondState) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""
    backgrounds = scenery.backgrounds(states.look[:, 0], HEIGHT_PX, WIDTH_PX)
    depths = scenery.depths(states.look[:, 0], HEIGHT_PX, WIDTH_PX)

    def draw(part: PondState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, backgrounds[worlds], depths[worlds])

    return clips.draw_frames(states, draw)


def captions(states: PondState) -> list[str]:
    """A few words about each world, of those that prompts may use. Fields are (B, T)."""
    first = {k: getattr(states, k)[:, 0].tolist() for k in ("look", "suit", "paint", "wind")}
    return [
        " ".join(
            (
                *scenery.LOOKS[int(look)].words,
                drawing.SUITS[int(suit)][0],
                drawing.PAINTS[int(paint)][0],
                _WINDS[(abs(wind) > 0.1) + (abs(wind) > 0.4)],
            )
        )
        for look, suit, paint, wind in zip(
            first["look"], first["suit"], first["paint"], first["wind"], strict=True
        )
    ]


_SOURCE = clips.Source(starts, simulate, START_NUMBERS, DRIVER_NUMBERS)
random_trajectories = _SOURCE.random
seeded_trajectories = _SOURCE.seeded
