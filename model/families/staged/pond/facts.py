"""The facts on a pond, as numbers near [-1, 1]: what the dynamics predict.

With how things look, which the prompt sets, they determine the picture and the sound, and with the
actions the facts of the next frame.
"""

from __future__ import annotations

from lightcone.model.families.staged.pond.basin import COLUMNS, WIDTH
from lightcone.model.families.staged.pond.constants import CONTACTS, GUST_PERIODS

# Of the clock, in seconds: gusts; kicks and glitter; reeds; rain and ripples.
PERIODS = (*GUST_PERIODS, 1.5, 1.0, 0.5, 0.25, 0.5 / 3)
_CLOCKS = tuple(f"clock{k}_{wave}" for k in range(len(PERIODS)) for wave in ("sin", "cos"))

_CONTINUOUS = (
    "bx", "by", "bvx", "bvy", "tilt", "tilt_rate", "px", "py", "pvx", "pvy", "lean", "lean_rate",
    "stroke_sin", "stroke_cos", "splash_x", "splash_speed", "splash_age", "camera_x", "camera_y",
    "camera_view", "drive", "beat_sin", "beat_cos", "bar_sin", "bar_cos", *_CLOCKS,
    "gust",
)  # fmt: skip
_FLAGS = (
    "facing", "aboard", "wet", "rowing", "jump_pressed", "camera_pressed", "camera_follow",
    "camera_close",
)  # fmt: skip
_STATIC = ("wind",)
NAMES = (
    *_CONTINUOUS, *_FLAGS, *_STATIC,
    *(f"{kind}_strength" for kind in CONTACTS), *(f"{kind}_when" for kind in CONTACTS),
    *(f"surface{i}" for i in range(COLUMNS)), *(f"speed{i}" for i in range(COLUMNS)),
)  # fmt: skip
COUNT = len(NAMES)
AT = {name: i for i, name in enumerate(NAMES)}


def _after(start: int, count: int) -> slice:
    return slice(start, start + count)


CONTINUOUS = _after(0, len(_CONTINUOUS))
FLAGS = _after(CONTINUOUS.stop, len(_FLAGS))  # -1 or 1
STATIC = _after(FLAGS.stop, len(_STATIC))
CONTACTS_AT = _after(STATIC.stop, 2 * len(CONTACTS))  # strengths, then times within the frame
FIELD = _after(CONTACTS_AT.stop, 2 * COLUMNS)  # surface, then its speed
CLOCK = _after(AT[_CLOCKS[0]], len(_CLOCKS))

# What one unit of a fact is.
ALONG = WIDTH / 2  # of positions along x, from the middle
BOARD_Y, PERSON_Y = 0.015, 0.2  # above LEVEL
BOARD_SPEED, BOARD_RISE, TILT, TILT_RATE = 0.3, 0.08, 0.08, 0.6
PERSON_SPEED, PERSON_RISE, LEAN, LEAN_RATE = 0.4, 0.5, 0.35, 0.8
SURFACE, SURFACE_SPEED = 0.012, 0.12
