"""Sound of contacts over an ambience: what the simulated worlds share of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def smooth_noise(n: int, smoothing: int, seed: int) -> Tensor:
    """The same noise each time, low-passed by a circular moving average, rms 1: (n,)."""
    white = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    kernel = torch.ones(1, 1, smoothing) / smoothing
    looped = torch.cat([white, white[: smoothing - 1]])[None, None]
    smooth = F.conv1d(looped, kernel)[0, 0]
    return smooth / smooth.std()


def loop_places(phase: Tensor, loop: int, total: int) -> Tensor:
    """Where in a loop of `loop` samples each of `total` samples is that begin at `phase` (B,),
    0 to 1: (B, total)."""
    start = (phase * loop).long()
    return (start[:, None] + torch.arange(total, device=phase.device)) % loop


def ring_out(sound: Tensor, world: Tensor, onset: Tensor, rung: Tensor) -> Tensor:
    """`sound` (B, samples) and N contacts: each adds its samples `rung` (N, ring) to its `world`
    (N,) from `onset` (N,) on, as far as the sound goes."""
    total, ring = sound.shape[1], rung.shape[1]
    room = F.pad(sound, (0, ring))
    place = onset.long()[:, None] + torch.arange(ring, device=sound.device)
    place = world[:, None] * (total + ring) + place
    room.view(-1).index_add_(0, place.view(-1), rung.view(-1))
    return room[:, :total]
