"""Clips of the corridors: starts, captions, and the whole truth about what happened."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import ACTIONS
from lightcone.model.families.staged.corridors.plans import CELLS, DOORS, PLANS, plans
from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.families.staged.shared import words
from lightcone.model.simulators import clips, soundscape
from lightcone.model.simulators.corridors import (
    drawing,
    physics,
    sound,
)
from lightcone.model.simulators.corridors.drivers import (
    DRIVER_NUMBERS,
    mixed,
)
from lightcone.model.simulators.corridors.facts import facts as facts
from lightcone.model.simulators.corridors.physics import CorridorsState
from lightcone.model.simulators.corridors.words import attributes as attributes
from lightcone.model.simulators.corridors.words import captions as captions

APPEARANCE = ("light", "style", "music")  # fields of the state that its laws never read
DOORS_OPEN = 0.35  # share of doors that are open at the start
_FIXED_NUMBERS = 17
START_NUMBERS = _FIXED_NUMBERS + 2 * DOORS  # random numbers that one start takes
_DOORS_MOVE = 0.2  # share of doors that are on their way at the start
_AT_DOOR = 0.4  # share of starts in front of a door
_ZOOMED, _REAR = 0.25, 0.05  # shares of starts

Trajectory = clips.Trajectory[CorridorsState]
Clip = clips.Clip[CorridorsState]


def starts(numbers: Tensor) -> CorridorsState:
    """Start states from uniform random numbers, (B, START_NUMBERS)."""
    u = numbers[:, :_FIXED_NUMBERS].unbind(1)
    wanted, moved = numbers[:, _FIXED_NUMBERS:].split(DOORS, 1)
    zero = torch.zeros_like(u[0])
    plan = (u[0] * PLANS).floor()
    tables, number = plans(numbers.device), plan.long()
    cell = tables.room[number, (u[1] * tables.room.shape[1]).long()]
    x, y, heading = cell % CELLS + 0.3 + 0.4 * u[2], cell // CELLS + 0.3 + 0.4 * u[3], u[4]
    heading = 2 * torch.pi * heading

    door = (u[5] * DOORS).long()
    door_x, door_y = tables.door_x[number, door], tables.door_y[number, door]
    at_door = (u[6] < _AT_DOOR) & (door_x > 0)
    along_y = tables.at(tables.passage, plan, door_x, door_y) > 0
    side = torch.where(u[2] < 0.5, -1.0, 1.0)
    back, aside = side * (0.75 + 0.45 * u[7]), 0.3 * (u[3] - 0.5)
    x = torch.where(at_door, door_x + torch.where(along_y, aside, back), x)
    y = torch.where(at_door, door_y + torch.where(along_y, back, aside), y)
    towards = torch.where(along_y, -side * torch.pi / 2, torch.pi * (side > 0))
    heading = torch.where(at_door, towards + 0.8 * (u[4] - 0.5), heading)

    there = (tables.door_x[number] > 0).float()
    doors_wanted = (wanted < DOORS_OPEN).float() * there
    doors = torch.where(moved < _DOORS_MOVE, moved / _DOORS_MOVE, doors_wanted) * there
    state = CorridorsState(
        x=x,
        y=y,
        vx=zero,
        vy=zero,
        heading=heading,
        turning=zero,
        gait=u[8],
        use_pressed=zero,
        doors=doors,
        doors_wanted=doors_wanted,
        zoom=1 + (u[9] / _ZOOMED).clamp(max=1) * (u[9] < _ZOOMED),
        rear=(u[10] < _REAR).float(),
        camera_pressed=zero,
        clock=64 * u[11],
        pulse=soundscape.start(numbers[:, 12:14]),
        plan=plan,
        light=zero,
        style=zero,
        music=zero,
    )
    return restyle(state, numbers[:, 14:17])


def restyle(states: CorridorsState, numbers: Tensor) -> CorridorsState:
    """States with fields (B) or (B, T) as they look and sound under another appearance, drawn by
    uniform random numbers (B, len(APPEARANCE))."""
    sizes = (len(drawing.LIGHTS), len(words.STYLES), len(words.MUSIC))
    drawn = (numbers * torch.tensor(sizes, device=numbers.device)).floor()
    drawn = drawn.view(-1, *[1] * (states.x.dim() - 1), len(sizes))
    light, style, music = drawn.expand(*states.axes, -1).unbind(-1)
    return replace(states, light=light, style=style, music=music)


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); contacts before them leave no sound."""
    s = truth.states
    tables = plans(s.x.device)
    size = tables.at(tables.size, s.plan, s.x, s.y)
    ambience = sound.render(truth.strength, truth.when, size, s.light[:, 0], truth.phase)
    music = soundscape.music(s.pulse.beat, s.pulse.drive, s.music[:, 0])
    return (ambience + music).clamp(-1, 1)


def render(states: CorridorsState, size: PictureSize = DEFAULT_SIZE) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""

    def draw(part: CorridorsState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, size.height, size.width)

    return clips.draw_frames(states, draw, block=16)


SOURCE = clips.Source(
    starts,
    physics.advance,
    mixed,
    render,
    listen,
    captions,
    actions=len(ACTIONS),
    start_numbers=START_NUMBERS,
    driver_numbers=DRIVER_NUMBERS,
)
simulate = SOURCE.simulate
film = SOURCE.film
random_trajectories = SOURCE.random
seeded_trajectories = SOURCE.seeded
