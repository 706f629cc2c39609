"""The court's facts of simulated trajectories."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import (
    FLOOR,
    JUMP_SPEED,
    PICKUP_PAUSE,
    RUN_SPEED,
)
from lightcone.model.families.staged.court.facts import (
    ALONG,
    HEIGHT,
    HOOP_MIDDLE,
    HOOP_UNIT,
    NET,
    PERIODS,
)
from lightcone.model.families.staged.shared.camera import CLOSE, FOLLOW, VIEW_MIDDLE, VIEW_UNIT
from lightcone.model.families.staged.shared.music import BEATS
from lightcone.model.simulators.clips import Trajectory
from lightcone.model.simulators.court.state import PLAYER, RIVAL, Body, CourtState


def facts(truth: Trajectory[CourtState]) -> Tensor:
    """The facts at the end of each frame: (B, T, COUNT)."""
    s = truth.states
    ball, camera, pulse = s.ball, s.camera, s.pulse
    continuous = [
        *_body(s.player),
        *_body(s.rival),
        ball.x / ALONG - 1,
        (ball.y - FLOOR) / HEIGHT - 1,
        ball.vx / RUN_SPEED,
        ball.vy / JUMP_SPEED,
        s.net / NET,
        s.net_speed,
        camera.x / ALONG - 1,
        2 * camera.y - 1,
        (1 / camera.zoom - VIEW_MIDDLE) / VIEW_UNIT,
        pulse.drive,
    ]
    turn = 2 * math.pi
    angles = [turn * s.player.gait, turn * s.rival.gait, ball.spin]
    angles += [turn * pulse.beat, turn * pulse.beat / BEATS]
    angles += [turn * s.clock / period for period in PERIODS]
    for angle in angles:
        continuous += [angle.sin(), angle.cos()]
    flags = [
        s.player.facing > 0,
        ~s.player.on_floor,
        s.holder == PLAYER,
        s.rival.facing > 0,
        ~s.rival.on_floor,
        s.holder == RIVAL,
        s.shot_pressed > 0.5,
        camera.pressed > 0.5,
        camera.mode == FOLLOW,
        camera.mode == CLOSE,
    ]
    static = [
        s.hoop_side,
        (s.hoop_y - HOOP_MIDDLE) / HOOP_UNIT,
        2 * s.rivals - 1,
        s.spot / ALONG - 1,
    ]
    values = [*continuous, *(2 * flag.float() - 1 for flag in flags), *static]
    return torch.cat([torch.stack(values, -1), truth.strength, truth.when], -1)


def _body(b: Body) -> list[Tensor]:
    """In the order of _BODY."""
    return [
        b.x / ALONG - 1,
        (b.y - FLOOR) / HEIGHT,
        b.vx / RUN_SPEED,
        b.vy / JUMP_SPEED,
        b.arms,
        b.pause / PICKUP_PAUSE,
    ]
