"""Latents become pictures, one after the other; each is a part of its chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.wan.network.decoder import Tails
from lightcone.model.interface import Chunk, Emit


class Decoder(Protocol):
    """Latents to pictures, with what it keeps passed in and returned."""

    def __call__(self, latent: Tensor, tails: Tails, *, first: bool) -> tuple[Tensor, Tails]:
        """One latent (B, C, h, w) -> (B, frames, 3, H, W) in [-1, 1] and the tails after it."""
        ...

    def tails(self, batch: int, rows: int, columns: int) -> Tails: ...


class Shown(Protocol):
    """A state whose next chunk is shown."""

    @property
    def chunk(self) -> int: ...
    @property
    def frame(self) -> int: ...
    @property
    def tails(self) -> Tails: ...


def shown(
    decoder: Decoder, states: Sequence[Shown], latents: Tensor, emit: Emit
) -> tuple[int, list[Tails]]:
    """Decode the latents (B, chunk, C, rows, columns) of the next chunk of each state. Returns how
    many frames they are, and the tails after them."""
    tails = _side_by_side([state.tails for state in states])
    made = 0
    for k in range(latents.shape[1]):
        first = k == 0 and states[0].chunk == 0
        pictures, tails = decoder(latents[:, k], tails, first=first)
        frames = as_bytes(pictures)
        for row, state in enumerate(states):
            emit(row, Chunk(state.frame + made, frames[row], None))
        made += frames.shape[1]
    if len(states) == 1:
        return made, [tails]
    rows = range(len(states))
    return made, [tuple(tail[row : row + 1].clone() for tail in tails) for row in rows]


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(B, frames, 3, H, W) in [-1, 1] -> (B, frames, H, W, 3)."""
    shades = ((pictures.float() + 1) * 127.5).round_().to(torch.uint8)
    out: NDArray[np.uint8] = shades.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
    return out


def _side_by_side(tails: Sequence[Tails]) -> Tails:
    if len(tails) == 1:
        return tails[0]
    return tuple(torch.cat(each) for each in zip(*tails, strict=True))
