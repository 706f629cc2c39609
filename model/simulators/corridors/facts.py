"""The corridors' facts of simulated trajectories."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import FLICKER_SECONDS, WALK_SPEED
from lightcone.model.families.staged.corridors.facts import (
    HALF,
    TURN_SCALE,
    ZOOM_UNIT,
    derived,
    plan_of,
)
from lightcone.model.families.staged.corridors.plans import PLANS
from lightcone.model.families.staged.shared.music import BEATS
from lightcone.model.simulators.clips import Trajectory
from lightcone.model.simulators.corridors.physics import CorridorsState


def facts(truth: Trajectory[CorridorsState]) -> Tensor:
    """(B, T, COUNT), float32."""
    s = truth.states
    place = torch.stack([s.x / HALF - 1, s.y / HALF - 1], -1)
    body = [
        s.vx / WALK_SPEED,
        s.vy / WALK_SPEED,
        s.turning / TURN_SCALE,
        ZOOM_UNIT * torch.log2(s.zoom) - 1,
        s.pulse.drive,
    ]
    rounds = [s.gait, s.pulse.beat, s.pulse.beat / BEATS, s.clock / FLICKER_SECONDS]
    angles = torch.stack([s.heading, *(2 * math.pi * (t % 1) for t in rounds)], -1)
    flags = torch.stack([s.use_pressed, s.camera_pressed, s.rear], -1)
    plan = (2 * s.plan[..., None] + 1) / PLANS - 1
    return torch.cat(
        [
            place,
            torch.stack(body, -1),
            torch.stack([angles.sin(), angles.cos()], -1).flatten(-2),
            2 * s.doors - 1,
            derived(plan_of(plan), place),
            2 * torch.cat([flags, s.doors_wanted], -1) - 1,
            plan,
            truth.strength,
            truth.when,
        ],
        -1,
    )
