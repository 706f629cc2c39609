"""The pond's simulator at the facts of somebody else's run: what would happen there."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from lightcone.model.families.staged.pond import facts as pond
from lightcone.model.families.staged.pond.basin import LEVEL
from lightcone.model.families.staged.pond.constants import GUST_PERIODS, SPRAY_SECONDS
from lightcone.model.families.staged.pond.facts import (
    AT,
    FIELD,
)
from lightcone.model.simulators.pond import physics
from lightcone.model.simulators.pond.physics import PondState

_MOST, _MOST_OF_WATER = 5.0, 50.0  # of a fact
_BEFORE_END = 0.999  # a stroke that is nearly done is not none


def possible(facts: Tensor) -> Tensor:
    """Whether facts (N, COUNT) can be those of a pond at all, which a broken model's are not:
    (N,)."""
    most = torch.full_like(facts[0], _MOST)
    most[FIELD] = _MOST_OF_WATER
    return (facts.abs() <= most).all(1)


def state_of(facts: Tensor, like: PondState) -> PondState:
    """The state of facts (N, COUNT); camera, music and looks, which no law reads, from `like`
    (N,)."""

    def fact(name: str, unit: float = 1.0) -> Tensor:
        return facts[:, AT[name]] * unit

    def flag(name: str) -> Tensor:
        return (facts[:, AT[name]] > 0).float()

    surface, speed = facts[:, FIELD].chunk(2, 1)
    return replace(
        like,
        surface=surface * pond.SURFACE,
        speed=speed * pond.SURFACE_SPEED,
        bx=(fact("bx") + 1) * pond.ALONG,
        by=fact("by", pond.BOARD_Y) + LEVEL,
        bvx=fact("bvx", pond.BOARD_SPEED),
        bvy=fact("bvy", pond.BOARD_RISE),
        tilt=fact("tilt", pond.TILT),
        tilt_rate=fact("tilt_rate", pond.TILT_RATE),
        px=(fact("px") + 1) * pond.ALONG,
        py=fact("py", pond.PERSON_Y) + LEVEL,
        pvx=fact("pvx", pond.PERSON_SPEED),
        pvy=fact("pvy", pond.PERSON_RISE),
        lean=fact("lean", pond.LEAN),
        lean_rate=fact("lean_rate", pond.LEAN_RATE),
        facing=2 * flag("facing") - 1,
        aboard=flag("aboard"),
        stroke=_turn(facts, "stroke").clamp(max=_BEFORE_END) * flag("rowing"),
        jump_pressed=flag("jump_pressed"),
        splash_x=(fact("splash_x") + 1) * pond.ALONG,
        splash_speed=fact("splash_speed"),
        splash_age=(fact("splash_age") + 1) / 2 * SPRAY_SECONDS,
        wind=fact("wind"),
        clock=_clock(facts),
    )


def _turn(facts: Tensor, name: str) -> Tensor:
    """Of an angle that is given by sine and cosine: 0 to 1."""
    angle = torch.atan2(facts[:, AT[f"{name}_sin"]], facts[:, AT[f"{name}_cos"]])
    return angle / (2 * math.pi) % 1


def _clock(facts: Tensor) -> Tensor:
    """Seconds, from how far it is in the two periods of gusts, which fit it three and two
    times."""
    slow, quick = (_turn(facts, f"clock{k}") * period for k, period in enumerate(GUST_PERIODS))
    periods = round(physics.CLOCK_SECONDS / GUST_PERIODS[0])
    times = slow[:, None] + GUST_PERIODS[0] * torch.arange(periods, device=slow.device)
    off = (times - quick[:, None] + GUST_PERIODS[1] / 2) % GUST_PERIODS[1] - GUST_PERIODS[1] / 2
    return times.gather(1, off.abs().argmin(1, keepdim=True))[:, 0]
