"""The court's state: two runners, a ball, a hoop, who looks on, and what all that looks like.

Lengths are in picture heights (the court is 4/3 wide and 1 high), y points up, times are in
seconds. Everything is batched over worlds: each field has shape (B,).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import FLOOR, HOOP_FROM_WALL, WIDTH
from lightcone.model.families.staged.shared.camera import Camera
from lightcone.model.families.staged.shared.fields import Fields
from lightcone.model.simulators.soundscape import Pulse

FREE, PLAYER, RIVAL = 0.0, 1.0, 2.0  # who has the ball


@dataclass(frozen=True)
class Body(Fields):
    """Somebody who runs, jumps and throws; x and y are where the feet are."""

    x: Tensor
    y: Tensor
    vx: Tensor
    vy: Tensor
    facing: Tensor  # -1 left, +1 right
    gait: Tensor  # strides taken; its fraction is the phase
    arms: Tensor  # 1 right after a throw, falls to 0
    pause: Tensor  # seconds until the ball may be picked up again

    @property
    def on_floor(self) -> Tensor:
        return self.y <= FLOOR + 1e-6


@dataclass(frozen=True)
class Ball(Fields):
    x: Tensor  # its centre
    y: Tensor
    vx: Tensor
    vy: Tensor
    spin: Tensor  # angle, radians


@dataclass(frozen=True)
class CourtState(Fields):
    player: Body
    rival: Body  # at rest and out of play where there is none
    ball: Ball
    holder: Tensor  # FREE, PLAYER or RIVAL
    shot_pressed: Tensor  # 1 if shoot was held in the last frame
    net: Tensor  # how far the net is pushed down, 0 at rest
    net_speed: Tensor
    camera: Camera
    pulse: Pulse
    clock: Tensor  # seconds, modulo CLOCK_SECONDS
    hoop_side: Tensor  # -1 left, +1 right
    hoop_y: Tensor  # height of the rim
    rivals: Tensor  # 1 where there is a rival, else 0
    spot: Tensor  # x from where the rival likes to throw
    look: Tensor  # the rest is appearance: indices that no law reads
    time: Tensor
    weather: Tensor
    style: Tensor
    shirt: Tensor
    rival_shirt: Tensor
    music: Tensor

    @property
    def hoop_x(self) -> Tensor:
        return torch.where(self.hoop_side > 0, WIDTH - HOOP_FROM_WALL, HOOP_FROM_WALL)
