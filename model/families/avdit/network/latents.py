"""A chunk's latents of all modalities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightcone.model.families.avdit.network.config import AvditConfig


class Latents(NamedTuple):
    """Chunks, one in each row of the leading axes (...): (B,) of states, (B, C) in training."""

    picture: Tensor  # (..., depth, rows, columns)
    sound: Tensor  # (..., sound_latents, sound_channels)
    numbers: Tensor  # (..., frames, numbers)

    def map(self, change: Callable[[Tensor], Tensor]) -> Latents:
        return Latents(*map(change, self))

    def last(self, c: AvditConfig) -> Latents:
        """The end of each chunk: its last latent picture, the numbers of that picture's frames,
        and its last sound latent."""
        depth = self.picture.shape[-3]
        return Latents(
            self.picture[..., depth - c.channels :, :, :],
            self.sound[..., -1:, :],
            self.numbers[..., -c.group :, :],
        )

    @staticmethod
    def cat(parts: Sequence[Latents], dim: int = 0) -> Latents:
        return Latents(*(torch.cat(each, dim) for each in zip(*parts, strict=True)))

    @staticmethod
    def zeros(c: AvditConfig, like: Tensor, *lead: int) -> Latents:
        return Latents(
            like.new_zeros(*lead, c.depth, c.rows, c.columns),
            like.new_zeros(*lead, c.sound_latents, c.sound_channels),
            like.new_zeros(*lead, c.frames, c.numbers),
        )

    @staticmethod
    def noise(c: AvditConfig, generator: torch.Generator, *lead: int) -> Latents:
        """Unit normal, on the CPU."""
        shapes = (
            (*lead, c.depth, c.rows, c.columns),
            (*lead, c.sound_latents, c.sound_channels),
            (*lead, c.frames, c.numbers),
        )
        return Latents(*(torch.randn(shape, generator=generator) for shape in shapes))


def mix(noise: Latents, clean: Latents, tau: Tensor) -> Latents:
    """The straight path (rectified flow, Liu et al. 2022): at `tau` (...) 0 noise, at 1 clean."""

    def one(a: Tensor, b: Tensor) -> Tensor:
        return torch.lerp(a, b, spread(tau, a))

    return Latents(*map(one, noise, clean))


def choose(which: Tensor, a: Latents, b: Latents) -> Latents:
    """Chunks of `a` where `which` (...) is true, of `b` elsewhere."""
    return Latents(*(torch.where(spread(which, x).bool(), x, y) for x, y in zip(a, b, strict=True)))


def spread(x: Tensor, like: Tensor) -> Tensor:
    """(...) with axes of length 1 added, to go with `like`."""
    return x.reshape(*x.shape, *([1] * (like.ndim - x.ndim))).to(like.dtype)
