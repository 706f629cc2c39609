"""Which errors of a picture's latents count more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.training.avdit.latents import EncodedPlay

MOVING, RARE = 3.0, 8.0  # most that is added to a weight of 1
_ORDINARY = 2.0  # variances from the mean that are nothing rare
_NEAR = (3, 5)  # rows and columns of latents around it, as it may move
_SAMPLE = 2000  # chunks
_LEAST = 0.01  # variance of latents; overall it is 1
_LEAST_CHANGE = 0.02  # variance of a number's change over a chunk; its own is 1


@dataclass(frozen=True)
class Emphasis:
    """A picture is mostly scenery, and what is played for is small: an enemy is a few latents of
    hundreds. So what changes counts more, and so does a place where something rare has just been,
    measured in the variances that latents have there in the recordings. What is rare in the answer
    itself must not count more: the model would make enemies out of nothing."""

    shows: Tensor  # (depth, 1, 1): how much an error of each channel is seen, 1 on average
    mean: Tensor  # (channels, h, w): of the recordings, at each place
    variance: Tensor
    numbers: Tensor  # (numbers,): over the variance of what each changes by in a chunk

    @staticmethod
    def of(play: EncodedPlay, codec: VideoCodec, c: AvditConfig) -> Emphasis:
        power = codec.std.square()
        at = np.unique(np.linspace(0, len(play) - 1, _SAMPLE).astype(int))
        pictures = torch.from_numpy(play.picture[at].astype(np.float32))
        pictures = pictures.unflatten(1, (c.latents, c.channels)).flatten(0, 1)
        variance, mean = torch.var_mean(pictures, 0, correction=0)
        shows = (power / power.mean()).repeat(c.latents)[:, None, None]
        ends = np.asarray(play.numbers[:, -1])
        change = np.diff(ends, axis=0)[np.diff(play.episode) == 0]
        changes = torch.from_numpy(np.square(change).sum(0) / max(len(change), 1)).float()
        return Emphasis(
            shows, mean, variance.clamp_min(_LEAST), 1 / changes.clamp_min(_LEAST_CHANGE)
        )

    @staticmethod
    def unfitted(c: AvditConfig) -> Emphasis:
        """Of latents with the mean 0 and the variance 1 everywhere."""
        place = torch.zeros(c.channels, c.rows, c.columns)
        return Emphasis(torch.ones(c.depth, 1, 1), place, place + 1, torch.ones(c.numbers))

    def to(self, device: torch.device) -> Emphasis:
        return Emphasis(*(part.to(device) for part in vars(self).values()))

    def weights(self, picture: Tensor, before: Tensor) -> Tensor:
        """(B, C, depth, h, w) for chunks of latents of that shape and the last latent picture
        before each, (B, C, channels, h, w). 1 on average, channels apart."""
        pictures = picture.unflatten(2, (-1, len(self.mean)))  # (B, C, latents, channels, h, w)
        earlier = torch.cat([before[:, :, None], pictures[:, :, :-1]], 2)
        change = (pictures - earlier).square().mean(3, keepdim=True)
        off = ((before - self.mean).square() / self.variance).mean(2)
        near = F.max_pool2d(off, _NEAR, stride=1, padding=(_NEAR[0] // 2, _NEAR[1] // 2))
        rare = (near - _ORDINARY).clamp(0, RARE)[:, :, None, None]
        weight = 1 + (2 * change).clamp_max(MOVING) + rare
        weight = weight / weight.mean()
        return weight.expand_as(pictures).flatten(2, 3) * self.shows
