"""Clips of the corridors: starts, captions, and the whole truth about what happened."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from model.interface import Button, GamepadBinding, WorldInfo
from model.worlds import clips
from model.worlds.corridors import drawing, physics, sound
from model.worlds.corridors.drivers import DRIVER_NUMBERS, Driver, mixed
from model.worlds.corridors.physics import BUTTONS, CorridorsState
from model.worlds.corridors.physics import CONTACTS as CONTACTS
from model.worlds.corridors.plans import CELLS, DOORS, FLOORS, PLANS, WALLS, plans

HEIGHT_PX, WIDTH_PX = 96, 128
FRAMES_PER_CHUNK = 2
START_NUMBERS = 7 + DOORS  # random numbers that one start takes
DOORS_OPEN = 0.35  # share of doors that are open at the start
WIDE = 1.6  # mean free distance, in cells, from which a place is called wide

INFO = WorldInfo(
    name="corridors",
    title="Corridors",
    description="Rooms behind doors: walk, look around, open and close doors.",
    width=WIDTH_PX,
    height=HEIGHT_PX,
    frames_per_chunk=FRAMES_PER_CHUNK,
    buttons=(
        Button("forward", "Forward", ("KeyW", "ArrowUp"),
               (GamepadBinding("button", 12), GamepadBinding("axis", 1, -1))),
        Button("back", "Back", ("KeyS", "ArrowDown"),
               (GamepadBinding("button", 13), GamepadBinding("axis", 1, 1))),
        Button("strafe_left", "Step left", ("KeyA",),
               (GamepadBinding("button", 4), GamepadBinding("axis", 0, -1))),
        Button("strafe_right", "Step right", ("KeyD",),
               (GamepadBinding("button", 5), GamepadBinding("axis", 0, 1))),
        Button("turn_left", "Turn left", ("ArrowLeft", "KeyJ"),
               (GamepadBinding("button", 14), GamepadBinding("axis", 2, -1))),
        Button("turn_right", "Turn right", ("ArrowRight", "KeyL"),
               (GamepadBinding("button", 15), GamepadBinding("axis", 2, 1))),
        Button("use", "Use", ("Space", "KeyE"),
               (GamepadBinding("button", 0), GamepadBinding("button", 7))),
    ),
    words=tuple(dict.fromkeys((
        *(word for look in drawing.LOOKS for word in look.words),
        *WALLS,
        *FLOORS,
        "wide", "narrow", "open", "closed", "door", "wall",
    ))),
)  # fmt: skip


Trajectory = clips.Trajectory[CorridorsState]
Clip = clips.Clip[CorridorsState]


def starts(numbers: Tensor) -> CorridorsState:
    """Start states from uniform random numbers, (B, START_NUMBERS)."""
    u = numbers.unbind(1)
    zero = torch.zeros_like(u[0])
    plan = (u[0] * PLANS).floor()
    rooms = plans(numbers.device).room
    cell = rooms[plan.long(), (u[1] * rooms.shape[1]).long()]
    doors = (numbers[:, 7:] < DOORS_OPEN).float()
    return CorridorsState(
        x=cell % CELLS + 0.3 + 0.4 * u[2],
        y=cell // CELLS + 0.3 + 0.4 * u[3],
        vx=zero,
        vy=zero,
        heading=2 * torch.pi * u[4],
        turning=zero,
        gait=u[5],
        use_pressed=zero,
        doors=doors,
        doors_wanted=doors,
        plan=plan,
        look=(u[6] * len(drawing.LOOKS)).floor(),
    )


def simulate(
    start: CorridorsState, frames: int, *, driver: Driver = mixed, **given: Unpack[clips.Given]
) -> Trajectory:
    """As `clips.simulate`, in this world."""
    return clips.simulate(physics.advance, driver, start, frames, buttons=len(BUTTONS), **given)


@torch.no_grad()
def film(truth: Trajectory) -> Clip:
    return Clip(render(truth.states), listen(truth), captions(truth.states), truth)


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); what rang before them is not heard."""
    s = truth.states
    tables = plans(s.x.device)
    size = tables.at(tables.size, s.plan, s.x, s.y)
    return sound.render(truth.strength, truth.when, size, s.look[:, 0], truth.phase)


def render(states: CorridorsState) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""

    def draw(part: CorridorsState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, HEIGHT_PX, WIDTH_PX)

    return clips.draw_frames(states, draw, block=16)


def captions(states: CorridorsState) -> list[str]:
    """A few words about each world, of those that prompts may use. Fields are (B, T)."""
    first = states[:, 0]
    tables = plans(first.x.device)
    material, floor, size = (
        tables.at(table, first.plan, first.x, first.y).tolist()
        for table in (tables.material, tables.floor, tables.size)
    )
    door = physics.door_ahead(first).tolist()
    return [
        " ".join(
            (
                *drawing.LOOKS[int(look)].words,
                WALLS[material[i]],
                FLOORS[floor[i]],
                "wide" if size[i] > WIDE else "narrow",
                "wall" if door[i] < 0 else "open door" if door[i] > 0.5 else "closed door",
            )
        )
        for i, look in enumerate(first.look.tolist())
    ]


_SOURCE = clips.Source(starts, simulate, START_NUMBERS, DRIVER_NUMBERS)
random_trajectories = _SOURCE.random
seeded_trajectories = _SOURCE.seeded
