"""Clips of the court: the whole truth about what happened, its picture, its sound, its words."""

from __future__ import annotations

from torch import Tensor

from lightcone.model.families.staged.court.constants import BUTTONS
from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.simulators import clips
from lightcone.model.simulators.court import (
    drawing,
    drivers,
    physics,
    sound,
)
from lightcone.model.simulators.court.drivers import mixed
from lightcone.model.simulators.court.facts import facts as facts
from lightcone.model.simulators.court.physics import CourtState
from lightcone.model.simulators.court.starts import APPEARANCE as APPEARANCE
from lightcone.model.simulators.court.starts import START_NUMBERS as START_NUMBERS
from lightcone.model.simulators.court.starts import restyle as restyle
from lightcone.model.simulators.court.starts import starts as starts
from lightcone.model.simulators.court.words import attributes as attributes
from lightcone.model.simulators.court.words import captions as captions

Trajectory = clips.Trajectory[CourtState]
Clip = clips.Clip[CourtState]


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); contacts before them leave no sound."""
    return sound.render(truth.states, truth.strength, truth.when)


def render(states: CourtState, size: PictureSize = DEFAULT_SIZE) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""
    scenery = drawing.scenery(states[:, 0], size.height, size.width)

    def draw(part: CourtState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, scenery[worlds])

    return clips.draw_frames(states, draw)


SOURCE = clips.Source(
    starts,
    physics.advance,
    mixed,
    render,
    listen,
    captions,
    actions=len(BUTTONS),
    start_numbers=START_NUMBERS,
    driver_numbers=drivers.NUMBERS,
)
simulate = SOURCE.simulate
film = SOURCE.film
random_trajectories = SOURCE.random
seeded_trajectories = SOURCE.seeded
