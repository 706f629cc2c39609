"""The pond's facts of simulated trajectories."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.basin import LEVEL
from lightcone.model.families.staged.pond.constants import SPRAY_SECONDS
from lightcone.model.families.staged.pond.facts import (
    ALONG,
    BOARD_RISE,
    BOARD_SPEED,
    BOARD_Y,
    LEAN,
    LEAN_RATE,
    PERIODS,
    PERSON_RISE,
    PERSON_SPEED,
    PERSON_Y,
    SURFACE,
    SURFACE_SPEED,
    TILT,
    TILT_RATE,
)
from lightcone.model.families.staged.shared.camera import CLOSE, FOLLOW, VIEW_MIDDLE, VIEW_UNIT
from lightcone.model.families.staged.shared.music import BEATS
from lightcone.model.simulators.clips import Trajectory
from lightcone.model.simulators.pond import physics
from lightcone.model.simulators.pond.physics import PondState


def facts(truth: Trajectory[PondState]) -> Tensor:
    """The facts at the end of each frame: (B, T, COUNT)."""
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
        2 * s.splash_age / SPRAY_SECONDS - 1,
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
