"""Clips of the court: starts, drivers, captions, and the whole truth about what happened."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from model.interface import Button, GamepadBinding, WorldInfo
from model.worlds import clips
from model.worlds.court import drawing, physics, sound
from model.worlds.court.physics import BALL_RADIUS, BUTTONS, FLOOR, WIDTH, CourtState
from model.worlds.court.physics import CONTACTS as CONTACTS

HEIGHT_PX, WIDTH_PX = 96, 128
FRAMES_PER_CHUNK = 2
START_NUMBERS = 12  # random numbers that one start takes
DRIVER_NUMBERS = 6  # random numbers that a driver takes each frame

INFO = WorldInfo(
    name="court",
    title="Court",
    description="A basketball court: run, jump, touch the ball to pick it up, shoot.",
    width=WIDTH_PX,
    height=HEIGHT_PX,
    frames_per_chunk=FRAMES_PER_CHUNK,
    buttons=(
        Button("left", "Left", ("ArrowLeft", "KeyA"),
               (GamepadBinding("button", 14), GamepadBinding("axis", 0, -1))),
        Button("right", "Right", ("ArrowRight", "KeyD"),
               (GamepadBinding("button", 15), GamepadBinding("axis", 0, 1))),
        Button("jump", "Jump", ("ArrowUp", "KeyW"),
               (GamepadBinding("button", 0), GamepadBinding("button", 12))),
        Button("shoot", "Shoot", ("Space", "KeyX"),
               (GamepadBinding("button", 2), GamepadBinding("button", 7))),
    ),
    words=(
        *(word for look in drawing.LOOKS for word in look.words),
        *(name for name, _ in drawing.SHIRTS),
        "left", "right", "high", "low",
    ),
)  # fmt: skip


Trajectory = clips.Trajectory[CourtState]
Clip = clips.Clip[CourtState]
Driver = clips.Driver[CourtState]


def starts(numbers: Tensor) -> CourtState:
    """Start states from uniform random numbers, (B, START_NUMBERS)."""
    u = numbers.unbind(1)
    zero = torch.zeros_like(u[0])
    px = 0.10 + (WIDTH - 0.20) * u[0]
    held = (u[1] < 0.25).float()
    in_air = (u[2] < 0.35).float()
    by = FLOOR + BALL_RADIUS + in_air * 0.55 * u[3]
    facing = torch.where(u[4] < 0.5, -1.0, 1.0)
    return CourtState(
        px=px,
        py=zero + FLOOR,
        pvx=zero,
        pvy=zero,
        facing=facing,
        gait=u[5],
        bx=torch.where(held > 0.5, px + 0.05 * facing, 0.1 + (WIDTH - 0.2) * u[6]),
        by=torch.where(held > 0.5, zero + FLOOR + 0.165, by),
        bvx=in_air * (u[7] - 0.5),
        bvy=zero,
        spin=6.28 * u[8],
        held=held,
        pause=zero,
        shot_pressed=zero,
        arms=zero,
        net=zero,
        net_speed=zero,
        hoop_side=torch.where(u[9] < 0.5, -1.0, 1.0),
        hoop_y=0.54 + 0.12 * u[10],
        look=(u[11] * len(drawing.LOOKS)).floor(),
        shirt=(u[11] * 977 % 1 * len(drawing.SHIRTS)).floor(),
    )


def wander(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Holds a direction for a while, jumps and shoots now and then."""
    left, right, jump, shoot = last.unbind(1)
    turn = u[:, 0] < 0.07
    pick = u[:, 1]
    left = torch.where(turn, (pick < 0.4).float(), left)
    right = torch.where(turn, ((pick >= 0.4) & (pick < 0.8)).float(), right)
    jump = torch.where(jump > 0.5, u[:, 2] < 0.8, u[:, 2] < 0.04).float()
    shoot = torch.where(shoot > 0.5, u[:, 3] < 0.75, u[:, 3] < 0.05).float()
    return torch.stack([left, right, jump, shoot], 1)


def seek(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Runs for the ball, carries it to some distance from the hoop, shoots."""
    holding = state.held > 0.5
    spot = state.hoop_x - state.hoop_side * (0.25 + 0.45 * (state.hoop_y * 7919 % 1))
    target = torch.where(holding, spot, state.bx)
    gap = target - state.px
    there = gap.abs() < 0.05
    left = (gap < -0.03).float() * (~there).float()
    right = (gap > 0.03).float() * (~there).float()
    jump = torch.where(last[:, 2] > 0.5, u[:, 2] < 0.8, u[:, 2] < 0.03 + 0.15 * (holding & there))
    ready = holding & (there | (u[:, 4] < 0.02))
    shoot = torch.where(last[:, 3] > 0.5, u[:, 3] < 0.6, ready & (u[:, 3] < 0.25))
    return torch.stack([left, right, jump.float(), shoot.float()], 1)


def mash(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Presses and releases everything at random."""
    flip = u[:, :4] < 0.25
    return torch.where(flip, 1 - last, last)


def mixed(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    """Each world keeps to one of the drivers above (or does nothing), by its number in the
    batch."""
    kind = torch.arange(len(u), device=u.device) % 8
    drivers = [wander, seek, wander, seek, seek, wander, mash, idle]
    acts = torch.stack([d(state, last, u) for d in drivers], 0)
    return acts[kind, torch.arange(len(u), device=u.device)]


def idle(state: CourtState, last: Tensor, u: Tensor) -> Tensor:
    return torch.zeros_like(last)


def simulate(
    start: CourtState, frames: int, *, driver: Driver = mixed, **given: Unpack[clips.Given]
) -> Trajectory:
    """As `clips.simulate`, in this world."""
    return clips.simulate(physics.advance, driver, start, frames, buttons=len(BUTTONS), **given)


@torch.no_grad()
def film(truth: Trajectory) -> Clip:
    return Clip(render(truth.states), listen(truth), captions(truth.states), truth)


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); what rang before them is not heard."""
    return sound.render(truth.strength, truth.when, truth.states.look[:, 0], truth.phase)


def render(states: CourtState) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""
    backgrounds = drawing.background(states[:, 0], HEIGHT_PX, WIDTH_PX)

    def draw(part: CourtState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, backgrounds[worlds])

    return clips.draw_frames(states, draw)


def captions(states: CourtState) -> list[str]:
    """A few words about each world, of those that prompts may use. Fields are (B, T)."""
    first = {k: v[:, 0].tolist() for k, v in vars(states).items()}
    return [
        " ".join(
            (
                *drawing.LOOKS[int(look)].words,
                drawing.SHIRTS[int(shirt)][0],
                "right" if side > 0 else "left",
                "high" if hoop > 0.60 else "low",
            )
        )
        for look, shirt, side, hoop in zip(
            first["look"], first["shirt"], first["hoop_side"], first["hoop_y"], strict=True
        )
    ]


_SOURCE = clips.Source(starts, simulate, START_NUMBERS, DRIVER_NUMBERS)
random_trajectories = _SOURCE.random
seeded_trajectories = _SOURCE.seeded
