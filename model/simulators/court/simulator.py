"""Clips of the court: the whole truth about what happened, its picture, its sound, its words."""

from __future__ import annotations

from torch import Tensor

from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.interface import (
    Button,
    GamepadBinding,
    WorldInfo,
)
from lightcone.model.simulators import (
    camera,
    clips,
)
from lightcone.model.simulators.court import (
    drawing,
    drivers,
    physics,
    sound,
    words,
)
from lightcone.model.simulators.court.drivers import mixed
from lightcone.model.simulators.court.physics import (
    BUTTONS,
    CourtState,
)
from lightcone.model.simulators.court.physics import CONTACTS as CONTACTS
from lightcone.model.simulators.court.starts import APPEARANCE as APPEARANCE
from lightcone.model.simulators.court.starts import START_NUMBERS as START_NUMBERS
from lightcone.model.simulators.court.starts import restyle as restyle
from lightcone.model.simulators.court.starts import starts as starts
from lightcone.model.simulators.court.words import WORDS as WORDS
from lightcone.model.simulators.court.words import attributes as attributes
from lightcone.model.simulators.court.words import captions as captions
from lightcone.model.simulators.court.words import settle as settle
from lightcone.model.simulators.saying import changing_words

FRAMES_PER_CHUNK = 2
NOUNS: dict[str, str] = {}  # which attribute of WORDS the word before them is of
# Attributes of WORDS that tell how things look and sound, and those that stand as facts while a
# world runs.
SEEN = ("look", "time", "weather", "style", "shirt", "rival", "music")
HELD = ("players", "side", "height")

INFO = WorldInfo(
    name="court",
    title="Court",
    description="A basketball court: run, jump, touch the ball to pick it up, shoot.",
    width=DEFAULT_SIZE.width,
    height=DEFAULT_SIZE.height,
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
        *camera.CONTROLS,
    ),
    words=words.KNOWN,
    changing_words=changing_words(words.KNOWN, WORDS, SEEN + HELD),
)  # fmt: skip

Trajectory = clips.Trajectory[CourtState]
Clip = clips.Clip[CourtState]


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); what rang before them is not heard."""
    return sound.render(truth.states, truth.strength, truth.when)


def render(states: CourtState, size: PictureSize = DEFAULT_SIZE) -> Tensor:
    """Frames of states with fields (B, T): (B, T, 3, H, W) uint8."""
    scenery = drawing.scenery(states[:, 0], size.height, size.width)

    def draw(part: CourtState, worlds: Tensor) -> Tensor:
        return drawing.draw(part, scenery[worlds])

    return clips.draw_frames(states, draw)


_SOURCE = clips.Source(
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
simulate = _SOURCE.simulate
film = _SOURCE.film
random_trajectories = _SOURCE.random
seeded_trajectories = _SOURCE.seeded
