"""What the court is to those who play it: controls and words."""

from __future__ import annotations

from collections.abc import Mapping

from lightcone.model.families.staged.court.constants import CONTACTS, SUBSTEPS
from lightcone.model.families.staged.definition import define
from lightcone.model.families.staged.shared import words
from lightcone.model.families.staged.shared.controls import CAMERA_CONTROLS, SIDEWAYS
from lightcone.model.interface import Button, GamepadBinding

LOOKS = ("gym", "street", "beach", "park")
SHIRTS = ("red", "blue", "white", "green", "yellow", "black")

WORDS: dict[str, tuple[str, ...]] = {
    "look": LOOKS,
    "time": words.TIMES,
    "weather": words.WEATHERS,
    "style": words.STYLES,
    "shirt": SHIRTS,
    "rival": SHIRTS,
    "players": ("alone", "rivals"),
    "side": ("left", "right"),
    "height": ("low", "high"),
    "view": ("wide", "close"),
    "ball": ("resting", "flying", "held"),
    "music": words.MUSIC,
}
_GRAMMAR = ("at", "against", "hoop", "ball")
KNOWN = tuple(dict.fromkeys([*(w for values in WORDS.values() for w in values), *_GRAMMAR]))
SEEN = ("look", "time", "weather", "style", "shirt", "rival", "music")
HELD = ("players", "side", "height")


def settle(values: Mapping[str, int], asked: Mapping[str, int]) -> dict[str, int]:
    """Values that can be had together. There is no weather under a roof: who asks for it is taken
    outdoors, unless they ask for the roof too. Who names a rival's shirt, or only two, has a
    rival, and two shirts are never alike."""
    out = dict(values)
    gym, outdoors = LOOKS.index("gym"), LOOKS.index("park")
    if out["look"] == gym and out["weather"] > 0:
        if "weather" in asked and "look" not in asked:
            out["look"] = outdoors
        else:
            out["weather"] = 0
    if "rival" in asked and "players" not in asked:
        out["players"] = 1
    if not out["players"]:
        out["rival"] = -1
    elif out["rival"] < 0 or out["rival"] == out["shirt"]:
        changed = "shirt" if "rival" in asked and "shirt" not in asked else "rival"
        out[changed] = (out["shirt"] + 1) % len(SHIRTS)
    return out


DEFINITION = define(
    name="court",
    title="Court",
    description="A basketball court: run, jump, touch the ball to pick it up, shoot.",
    buttons=(
        *SIDEWAYS,
        Button("jump", "Jump", ("ArrowUp", "KeyW"),
               (GamepadBinding("button", 0), GamepadBinding("button", 12))),
        Button("shoot", "Shoot", ("Space", "KeyX"),
               (GamepadBinding("button", 2), GamepadBinding("button", 7))),
        *CAMERA_CONTROLS,
    ),
    known=KNOWN,
    words=WORDS,
    seen=SEEN,
    held=HELD,
    contacts=CONTACTS,
    moments=SUBSTEPS,
    settle=settle,
)  # fmt: skip
