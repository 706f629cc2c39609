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
    copied: list[tuple[int, _Copy]] = []  # to the host, not yet emitted

    def pass_on(most: int) -> None:
        """All but the newest `most`."""
        while len(copied) > most:
            at, copy = copied.pop(0)
            for row, frames in enumerate(copy.wait()):
                emit(row, Chunk(states[row].frame + at, frames, None))

    for k in range(latents.shape[1]):
        first = k == 0 and states[0].chunk == 0
        pictures, tails = decoder(latents[:, k], tails, first=first)
        copied.append((made, _Copy(pictures)))
        made += pictures.shape[1]
        pass_on(1 if latents.is_cuda else 0)  # a GPU decodes the next while this one is copied
    pass_on(0)
    if len(states) == 1:
        return made, [tails]
    rows = range(len(states))
    return made, [tuple(tail[row : row + 1].clone() for tail in tails) for row in rows]


class _Copy:
    """Pictures (B, frames, 3, H, W) on their way to the host."""

    def __init__(self, pictures: Tensor) -> None:
        shades = _shades(pictures)
        self._done: torch.cuda.Event | None = None
        if shades.is_cuda:
            self._host = torch.empty(shades.shape, dtype=shades.dtype, pin_memory=True)
            self._host.copy_(shades, non_blocking=True)
            self._done = torch.cuda.Event()
            self._done.record()
        else:
            self._host = shades

    def wait(self) -> NDArray[np.uint8]:
        """(B, frames, H, W, 3)."""
        if self._done is not None:
            self._done.synchronize()
        out: NDArray[np.uint8] = self._host.numpy()
        return out


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(B, frames, 3, H, W) in [-1, 1] -> (B, frames, H, W, 3)."""
    return _Copy(pictures).wait()


def _shades(pictures: Tensor) -> Tensor:
    shades = ((pictures.float() + 1) * 127.5).round_().to(torch.uint8)
    return shades.permute(0, 1, 3, 4, 2).contiguous()


def _side_by_side(tails: Sequence[Tails]) -> Tails:
    if len(tails) == 1:
        return tails[0]
    return tuple(torch.cat(each) for each in zip(*tails, strict=True))
