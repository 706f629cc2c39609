"""What latents see of the actions, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.wan.network.config import TIME


@dataclass(frozen=True)
class Moves:
    """The actions of the newest frames (frames_seen, keys + mouse), of a video that has `begun`.
    The first latent of a video is one frame, each other `TIME`. A latent sees those of so many
    frames before its last one: what is pressed then reaches the next latent."""

    newest: Tensor
    begun: bool

    @staticmethod
    def none(c: MatrixGameConfig, like: Tensor) -> Moves:
        return Moves(like.new_zeros(c.frames_seen, c.keys + c.mouse), False)

    def followed_by(self, actions: Tensor, latents: int) -> tuple[Moves, Tensor]:
        """After the actions (frames, keys + mouse) of the next latents, and what these see:
        (latents, frames_seen, keys + mouse). Before a video they are those of its first frame."""
        many = len(self.newest)
        before = self.newest if self.begun else actions[:1].expand(many, -1)
        every = torch.cat([before, actions])
        first = TIME - 1 if self.begun else 0
        seen = torch.stack([every[first + TIME * i :][:many] for i in range(latents)])
        return Moves(every[-many:], True), seen
