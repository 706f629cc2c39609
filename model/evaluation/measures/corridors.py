"""The corridors' simulator at the facts of somebody else's run: pictures to compare with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import FLICKER_SECONDS, WALK_SPEED
from lightcone.model.families.staged.corridors.facts import (
    AT,
    DOORS_AT,
    HALF,
    TURN_SCALE,
    WANTED_AT,
    plan_of,
    zoom_of,
)
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.simulators.corridors import (
    physics,
    simulator,
)
from lightcone.model.simulators.corridors.physics import CorridorsState


def state_of(facts: Tensor, like: CorridorsState) -> CorridorsState:
    """The state of facts (N, COUNT); appearance and music from `like` (N,)."""

    def fact(name: str) -> Tensor:
        return facts[:, AT[name]]

    def turn(name: str) -> Tensor:
        return torch.atan2(fact(f"{name}_sin"), fact(f"{name}_cos")) / (2 * math.pi)

    return replace(
        like,
        x=(fact("x") + 1) * HALF,
        y=(fact("y") + 1) * HALF,
        vx=fact("vx") * WALK_SPEED,
        vy=fact("vy") * WALK_SPEED,
        heading=2 * math.pi * turn("heading"),
        turning=fact("turning") * TURN_SCALE,
        gait=turn("gait") % 1,
        use_pressed=(fact("use_pressed") > 0).float(),
        doors=((facts[:, DOORS_AT] + 1) / 2).clamp(0, 1),
        doors_wanted=(facts[:, WANTED_AT] > 0).float(),
        zoom=2 ** zoom_of(facts),
        rear=(fact("rear") > 0).float(),
        camera_pressed=(fact("camera_pressed") > 0).float(),
        clock=turn("flicker") % 1 * FLICKER_SECONDS,
        plan=plan_of(facts[:, AT["plan"] : AT["plan"] + 1]).float(),
    )


@torch.no_grad()
def continued(state: CorridorsState, actions: Tensor) -> CorridorsState:
    """After actions (N, T, controls), which may be empty."""
    for held in actions.unbind(1):
        state, _ = physics.advance(state, held)
    return state


def drawn(states: Any, size: PictureSize) -> Tensor:
    """States (N,) -> pictures (N, 3, H, W)."""
    return simulator.render(states[:, None], size)[:, 0]
