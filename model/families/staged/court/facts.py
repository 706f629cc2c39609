"""The facts on a court, as numbers near [-1, 1]: what the dynamics predict.

With how things look, which the prompt sets, they determine the picture and the sound, and with the
actions the facts of the next frame.
"""

from __future__ import annotations

from torch import Tensor

from lightcone.model.families.staged.court.constants import (
    CONTACTS,
    FLOOR,
    HOOP_FROM_WALL,
    WIDTH,
)

PERIODS = (2.0, 0.5)  # of the clock, in seconds: ambience; rain
_CLOCKS = tuple(f"clock{k}_{wave}" for k in range(len(PERIODS)) for wave in ("sin", "cos"))
_BODY = ("x", "y", "vx", "vy", "arms", "pause")
_ANGLES = ("player_gait", "rival_gait", "spin", "beat", "bar")

_CONTINUOUS = (
    *(f"player_{name}" for name in _BODY), *(f"rival_{name}" for name in _BODY),
    "ball_x", "ball_y", "ball_vx", "ball_vy", "net", "net_speed",
    "camera_x", "camera_y", "camera_view", "drive",
    *(f"{name}_{wave}" for name in _ANGLES for wave in ("sin", "cos")), *_CLOCKS,
)  # fmt: skip
_FLAGS = (
    "player_facing", "player_up", "player_holds", "rival_facing", "rival_up", "rival_holds",
    "shot_pressed", "camera_pressed", "camera_follow", "camera_close",
)  # fmt: skip
_STATIC = ("hoop_side", "hoop_y", "rivals", "spot")
NAMES = (
    *_CONTINUOUS, *_FLAGS, *_STATIC,
    *(f"{kind}_strength" for kind in CONTACTS), *(f"{kind}_when" for kind in CONTACTS),
)  # fmt: skip
COUNT = len(NAMES)
AT = {name: i for i, name in enumerate(NAMES)}


def _after(start: int, count: int) -> slice:
    return slice(start, start + count)


CONTINUOUS = _after(0, len(_CONTINUOUS))
FLAGS = _after(CONTINUOUS.stop, len(_FLAGS))  # -1 or 1
STATIC = _after(FLAGS.stop, len(_STATIC))
ANGLES = slice(AT["player_gait_sin"], CONTINUOUS.stop)  # sine and cosine in turn
CONTACTS_AT = _after(STATIC.stop, 2 * len(CONTACTS))  # strengths, then times within the frame
FIELD = _after(CONTACTS_AT.stop, 0)  # nothing here is a field

# What one unit of a fact is.
ALONG = WIDTH / 2  # of positions along x, from the middle
HEIGHT = 0.4  # above the floor; the ball's from as much above it
HOOP_MIDDLE, HOOP_UNIT = 0.60, 1 / 15
NET = 0.1


def place(f: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Where "player" or "rival" (their feet), "ball", "hoop" or "camera" is, in picture heights:
    x and y (...) of facts (..., COUNT). All are affine in the facts."""
    if what == "hoop":
        x = ALONG + f[..., AT["hoop_side"]] * (ALONG - HOOP_FROM_WALL)
        return x, f[..., AT["hoop_y"]] * HOOP_UNIT + HOOP_MIDDLE
    x, y = (f[..., AT[f"{what}_x"]] + 1) * ALONG, f[..., AT[f"{what}_y"]]
    if what == "camera":
        return x, (y + 1) / 2
    return x, (y + (what == "ball")) * HEIGHT + FLOOR
