"""Clips of the pond: their picture, sound and captions, and the whole truth about what happened."""

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
from lightcone.model.simulators.pond import (
    drawing,
    physics,
    scenery,
    sound,
    words,
)
from lightcone.model.simulators.pond.drivers import (
    DRIVER_NUMBERS,
    mixed,
)
from lightcone.model.simulators.pond.physics import (
    BUTTONS,
    PondState,
)
from lightcone.model.simulators.pond.physics import CONTACTS as CONTACTS
from lightcone.model.simulators.pond.starts import APPEARANCE as FIELDS_OF_APPEARANCE
from lightcone.model.simulators.pond.starts import NUMBERS as START_NUMBERS
from lightcone.model.simulators.pond.starts import appearance
from lightcone.model.simulators.pond.starts import starts as starts
from lightcone.model.simulators.pond.words import NOUNS as NOUNS
from lightcone.model.simulators.pond.words import WORDS as WORDS
from lightcone.model.simulators.pond.words import attributes as attributes
from lightcone.model.simulators.pond.words import captions as captions
from lightcone.model.simulators.saying import (
    all_go_together,
    changing_words,
)

FRAMES_PER_CHUNK = 2
APPEARANCE = tuple(FIELDS_OF_APPEARANCE)
SEEN = APPEARANCE  # attributes of WORDS that tell how things look and sound
HELD = ("wind",)  # attributes of WORDS that stand as facts while a world runs

INFO = WorldInfo(
    name="pond",
    title="Pond",
    description="A paddle board on a pond: paddle, jump off, swim back, climb aboard.",
    width=DEFAULT_SIZE.width,
    height=DEFAULT_SIZE.height,
    frames_per_chunk=FRAMES_PER_CHUNK,
    buttons=(
        Button("left", "Left", ("ArrowLeft", "KeyA"),
               (GamepadBinding("button", 14), GamepadBinding("axis", 0, -1))),
        Button("right", "Right", ("ArrowRight", "KeyD"),
               (GamepadBinding("button", 15), GamepadBinding("axis", 0, 1))),
        Button("jump", "Jump", ("ArrowUp", "KeyW", "Space"),
               (GamepadBinding("button", 0), GamepadBinding("button", 12))),
        *camera.CONTROLS,
    ),
    words=words.KNOWN,
    changing_words=changing_words(words.KNOWN, WORDS, SEEN + HELD),
)  # fmt: skip


Trajectory = clips.Trajectory[PondState]
Clip = clips.Clip[PondState]


def listen(truth: Trajectory) -> Tensor:
    """The sound of trajectories, (B, T * 1000); what rang before them is not heard."""
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


_SOURCE = clips.Source(
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
settle = all_go_together
simulate = _SOURCE.simulate
film = _SOURCE.film
random_trajectories = _SOURCE.random
seeded_trajectories = _SOURCE.seeded
