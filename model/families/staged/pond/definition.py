"""What the pond is to those who play it: controls and words."""

from __future__ import annotations

from lightcone.model.families.staged.definition import define
from lightcone.model.families.staged.pond.constants import CONTACTS, SUBSTEPS
from lightcone.model.families.staged.shared import words
from lightcone.model.families.staged.shared.controls import CAMERA_CONTROLS, SIDEWAYS
from lightcone.model.interface import Button, GamepadBinding

LOOKS = ("dawn", "noon", "dusk", "night")
SUITS = ("red", "yellow", "purple", "green", "blue", "orange")
PAINTS = ("white", "teal", "brown")  # of the board

# Each attribute and its words, in the order in which captions have them.
WORDS: dict[str, tuple[str, ...]] = {
    "look": LOOKS,
    "weather": words.WEATHERS,
    "wind": ("calm", "breeze", "windy"),
    "style": words.STYLES,
    "suit": SUITS,
    "paint": PAINTS,
    "person": ("aboard", "swimming", "leaping"),
    "water": ("still", "waves"),
    "view": ("wide", "close"),
    "music": words.MUSIC,
}
PHRASES = {"look": "pond at {}", "suit": "{} suit", "paint": "{} board", "water": "water {}"}
NOUNS = {"suit": "suit", "board": "paint"}
SEEN = ("look", "suit", "paint", "style", "weather", "music")
HELD = ("wind",)

KNOWN = tuple(
    dict.fromkeys(
        word
        for name, values in WORDS.items()
        for value in values
        for word in PHRASES.get(name, "{}").format(value).split()
    )
)

DEFINITION = define(
    name="pond",
    title="Pond",
    description="A paddle board on a pond: paddle, jump off, swim back, climb aboard.",
    buttons=(
        *SIDEWAYS,
        Button("jump", "Jump", ("ArrowUp", "KeyW", "Space"),
               (GamepadBinding("button", 0), GamepadBinding("button", 12))),
        *CAMERA_CONTROLS,
    ),
    known=KNOWN,
    words=WORDS,
    nouns=NOUNS,
    seen=SEEN,
    held=HELD,
    contacts=CONTACTS,
    moments=SUBSTEPS,
)  # fmt: skip
