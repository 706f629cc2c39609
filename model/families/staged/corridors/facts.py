"""The facts in the corridors, as numbers near [-1, 1]: all that the next frame, its picture and
its sound depend on, but for the appearance.

The plan is one number; the tables of all plans are known (plans.py). `size` and the floor follow
from plan and place, and are there because they change the sound.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import (
    CONTACTS,
    FLOORS,
    TURN_SPEED,
)
from lightcone.model.families.staged.corridors.plans import CELLS, DOORS, PLANS, plans
from lightcone.model.families.staged.shared.camera import ZOOM_MOST

_DERIVED = ("size", *(f"floor_{name}" for name in FLOORS))  # of plan and place
_BODY = ("x", "y", "vx", "vy", "turning", "zoom", "drive")
TURNS = ("heading", "gait", "beat", "bar", "flicker")  # angles, as sine and cosine
_CONTINUOUS = (
    *_BODY,
    *(f"{name}_{part}" for name in TURNS for part in ("sin", "cos")),
    *(f"door_{k}" for k in range(DOORS)),
    *_DERIVED,
)
_FLAGS = ("use_pressed", "camera_pressed", "rear", *(f"wanted_{k}" for k in range(DOORS)))
_STATIC = ("plan",)
NAMES = (
    *_CONTINUOUS, *_FLAGS, *_STATIC,
    *(f"{kind}_strength" for kind in CONTACTS), *(f"{kind}_when" for kind in CONTACTS),
)  # fmt: skip
COUNT = len(NAMES)
AT = {name: i for i, name in enumerate(NAMES)}

CONTINUOUS = slice(0, len(_CONTINUOUS))
FLAGS = slice(CONTINUOUS.stop, CONTINUOUS.stop + len(_FLAGS))
STATIC = slice(FLAGS.stop, FLAGS.stop + len(_STATIC))
CONTACTS_AT = slice(STATIC.stop, COUNT)
FIELD = slice(COUNT, COUNT)  # the corridors have none
BODY_AT = slice(0, len(_BODY))
TURNS_AT = slice(BODY_AT.stop, BODY_AT.stop + 2 * len(TURNS))
DOORS_AT = slice(AT["door_0"], AT["door_0"] + DOORS)
WANTED_AT = slice(AT["wanted_0"], AT["wanted_0"] + DOORS)
DERIVED = slice(AT["size"], CONTINUOUS.stop)

HALF = CELLS / 2  # of the plan, which x and y are scaled by
TURN_SCALE = 3 * TURN_SPEED
SIZE_MIDDLE, SIZE_SCALE = 1.8, 1.2
ZOOM_UNIT = 2 / math.log2(ZOOM_MOST)  # of a doubling, as a fact


def plan_of(plan: Tensor) -> Tensor:
    """The fact (..., 1) -> number of the plan (...), long."""
    return ((plan[..., 0] + 1) * (PLANS / 2)).long().clamp(0, PLANS - 1)


def zoom_of(f: Tensor) -> Tensor:
    """Facts (..., COUNT) -> log2 of the zoom (...)."""
    return (f[..., AT["zoom"]] + 1) / ZOOM_UNIT


def derived(plan: Tensor, place: Tensor) -> Tensor:
    """What follows from the plan (...) and the facts x and y (..., 2): (..., DERIVED)."""
    tables = plans(place.device)
    x, y = ((place + 1) * HALF).unbind(-1)
    size = tables.at(tables.size, plan, x, y)
    floor = tables.at(tables.floor, plan, x, y)[..., None]
    kinds = torch.arange(len(FLOORS), device=place.device)
    return torch.cat([((size - SIZE_MIDDLE) / SIZE_SCALE)[..., None], (floor == kinds).float()], -1)
