"""Clips of the pond: their picture, sound and captions, and the whole truth about what happened."""

from __future__ import annotations

from torch import Tensor

from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.families.staged.pond.constants import BUTTONS
from lightcone.model.simulators import clips
from lightcone.model.simulators.pond import (
    drawing,
    physics,
    scenery,
    sound,
)
from lightcone.model.simulators.pond.drivers import (
    DRIVER_NUMBERS,
    mixed,
)
from lightcone.model.simulators.pond.facts import facts as facts
from lightcone.model.simulators.pond.physics import PondState
from lightcone.model.simulators.pond.starts import APPEARANCE as FIELDS_OF_APPEARANCE
from lightcone.model.simulators.pond.starts import NUMBERS as START_NUMBERS
from lightcone.model.simulators.pond.starts import appearance
from lightcone.model.simulators.pond.starts import starts as starts
from lightcone.model.simulators.pond.words import attributes as attributes
from lightcone.model.simulators.pond.words import captions as captions

APPEARANCE = tuple(FIELDS_OF_APPEARANCE)

Trajectory = clips.Trajectory[PondState]
Clip = clips.Clip[PondState]


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); contacts before them leave no sound."""
    return sound.render(truth)


def render(states: PondState, size: PictureSize = DEFAULT_SIZE) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""
    skies = scenery.skies(states.look[:, 0], size.height, size.width)

    def draw(part: PondState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, skies[worlds])

    return clips.draw_frames(states, draw)


def restyle(states: PondState, numbers: Tensor) -> PondState:
    """The same worlds under another appearance: fields (B,) or (B, T), `numbers` (B,
    len(APPEARANCE)), uniform."""
    shape = states.bx.shape
    drawn = {k: v.view(-1, *[1] * (len(shape) - 1)) for k, v in appearance(numbers).items()}
    return PondState(**{**vars(states), **{k: v.expand(shape) for k, v in drawn.items()}})


SOURCE = clips.Source(
    starts,
    physics.advance,
    mixed,
    render,
    listen,
    captions,
    actions=len(BUTTONS),
    start_numbers=START_NUMBERS,
    driver_numbers=DRIVER_NUMBERS,
)
simulate = SOURCE.simulate
film = SOURCE.film
random_trajectories = SOURCE.random
seeded_trajectories = SOURCE.seeded
