"""What is the case on a pond, as numbers near [-1, 1]: the state stream of the learned world.

With how things look (which the prompt tells) they determine the picture and the sound, and with
the actions the facts of the next frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.simulators.camera import (
    CLOSE,
    FOLLOW,
    VIEW_MIDDLE,
    VIEW_UNIT,
)
from lightcone.model.simulators.clips import Trajectory
from lightcone.model.simulators.pond import physics
from lightcone.model.simulators.pond.physics import (
    CONTACTS,
    PondState,
)
from lightcone.model.simulators.pond.water import (
    COLUMNS,
    LEVEL,
    WIDTH,
)
from lightcone.model.simulators.soundscape import BEATS

# Of the clock, in seconds: gusts; kicks and glitter; reeds; rain and ripples.
PERIODS = (*physics.GUST_PERIODS, 1.5, 1.0, 0.5, 0.25, 0.5 / 3)
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


def facts(truth: Trajectory[PondState]) -> Tensor:
    """What was the case at the end of each frame: (B, T, COUNT)."""
    s, camera, pulse = truth.states, truth.states.camera, truth.states.pulse
    stroke = 2 * math.pi * s.stroke
    beat, bar = 2 * math.pi * pulse.beat, 2 * math.pi * pulse.beat / BEATS
    continuous = [
        s.bx / ALONG - 1,
        (s.by - LEVEL) / BOARD_Y,
        s.bvx / BOARD_SPEED,
        s.bvy / BOARD_RISE,
        s.tilt / TILT,
        s.tilt_rate / TILT_RATE,
        s.px / ALONG - 1,
        (s.py - LEVEL) / PERSON_Y,
        s.pvx / PERSON_SPEED,
        s.pvy / PERSON_RISE,
        s.lean / LEAN,
        s.lean_rate / LEAN_RATE,
        stroke.sin(),
        stroke.cos(),
        s.splash_x / ALONG - 1,
        s.splash_speed,
        2 * s.splash_age / physics.SPRAY_SECONDS - 1,
        camera.x / ALONG - 1,
        2 * camera.y - 1,
        (1 / camera.zoom - VIEW_MIDDLE) / VIEW_UNIT,
        pulse.drive,
        beat.sin(),
        beat.cos(),
        bar.sin(),
        bar.cos(),
    ]
    for period in PERIODS:
        angle = 2 * math.pi * s.clock / period
        continuous += [angle.sin(), angle.cos()]
    continuous.append(s.gust)
    flags = [
        s.facing > 0,
        s.aboard > 0.5,
        _wet(s),
        s.stroke > 0,
        s.jump_pressed > 0.5,
        camera.pressed > 0.5,
        camera.mode == FOLLOW,
        camera.mode == CLOSE,
    ]
    return torch.cat(
        [
            torch.stack(continuous, -1),
            2 * torch.stack(flags, -1).float() - 1,
            s.wind[..., None],
            truth.strength,
            truth.when,
            s.surface / SURFACE,
            s.speed / SURFACE_SPEED,
        ],
        -1,
    )


def _wet(s: PondState) -> Tensor:
    """Are the person's feet under water? Fields (B, T)."""
    return physics.depth_of(s.flatten()).view_as(s.px) > 0
