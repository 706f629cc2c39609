"""Latents of mean 0 and variance 1 per channel, by the buffers `mean` and `std`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Normalised(nn.Module):
    """The normalisation of latents, channels in dimension 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def _shaped(self, stat: Tensor, like: Tensor) -> Tensor:
        return stat.view(1, -1, *([1] * (like.ndim - 2)))

    def normalise(self, z: Tensor) -> Tensor:
        return (z - self._shaped(self.mean, z)) / self._shaped(self.std, z)

    def restore(self, z: Tensor) -> Tensor:
        return z * self._shaped(self.std, z) + self._shaped(self.mean, z)

    def fit(self, z: Tensor) -> None:
        """Set the normalisation from a batch of raw latents: variance 1 over all channels, and
        half of their differences (in logarithms) kept, so that an error in what hardly shows
        counts less."""
        dims = [d for d in range(z.ndim) if d != 1]
        std = z.std(dims).clamp_min(1e-3)
        self.mean.copy_(z.mean(dims))
        self.std.copy_((std * std.mean()).sqrt())
