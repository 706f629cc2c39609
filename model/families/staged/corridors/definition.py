"""What the corridors are to those who play them: controls and words."""

from __future__ import annotations

from lightcone.model.families.staged.corridors.constants import (
    CONTACTS,
    FLOORS,
    SUBSTEPS,
    TURN_MOST,
    WALLS,
)
from lightcone.model.families.staged.definition import define
from lightcone.model.families.staged.shared import words
from lightcone.model.families.staged.shared.controls import CAMERA_CONTROLS
from lightcone.model.interface import Axis, Button, GamepadBinding

# Each light, and how captions name it.
LIGHTS = {"day": "by day", "evening": "in the evening", "night": "at night", "mist": "in mist"}

WORDS: dict[str, tuple[str, ...]] = {
    "room": ("narrow", "wide"),
    "walls": WALLS,
    "floor": FLOORS,
    "light": tuple(LIGHTS),
    "style": words.STYLES,
    "music": words.MUSIC,
    "door": ("closed", "open"),  # straight ahead
    "view": ("ahead", "close", "rear"),
}
KNOWN = tuple(
    dict.fromkeys(
        [word for values in WORDS.values() for word in values]
        + [word for phrase in LIGHTS.values() for word in phrase.split()]
        + ["corridors", "walls", "floor", "door", "view"]
    )
)  # all words that captions use
SEEN = ("light", "style", "music")

DEFINITION = define(
    name="corridors",
    title="Corridors",
    description="Rooms behind doors: walk, look around, open and close doors.",
    buttons=(
        Button("forward", "Forward", ("KeyW", "ArrowUp"),
               (GamepadBinding("button", 12), GamepadBinding("axis", 1, -1))),
        Button("back", "Back", ("KeyS", "ArrowDown"),
               (GamepadBinding("button", 13), GamepadBinding("axis", 1, 1))),
        Button("strafe_left", "Step left", ("KeyA",), (GamepadBinding("axis", 0, -1),)),
        Button("strafe_right", "Step right", ("KeyD",), (GamepadBinding("axis", 0, 1),)),
        Button("turn_left", "Turn left", ("ArrowLeft", "KeyJ"),
               (GamepadBinding("button", 14),)),
        Button("turn_right", "Turn right", ("ArrowRight", "KeyL"),
               (GamepadBinding("button", 15),)),
        Button("use", "Use", ("Space", "KeyF"),
               (GamepadBinding("button", 0), GamepadBinding("button", 7))),
        *CAMERA_CONTROLS,
    ),
    axes=(
        Axis("turn", "Turn", -TURN_MOST, TURN_MOST, "x", GamepadBinding("axis", 2, 1)),
    ),
    known=KNOWN,
    words=WORDS,
    seen=SEEN,
    contacts=CONTACTS,
    moments=SUBSTEPS,
)  # fmt: skip
