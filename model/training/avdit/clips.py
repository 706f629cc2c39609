"""Clips of consecutive chunks, drawn at random from encoded play."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.training.avdit.latents import EncodedPlay

_FAR = 400  # chunks by which the sink may be older than the rest
_FAR_SHARE = 0.5


class Clips(NamedTuple):
    """B clips of C chunks: `before` are the ends of the chunks before each."""

    clean: Latents
    before: Latents
    actions: Tensor  # (B, C, frames, controls)
    text: Tensor  # (B, C, words)


class ClipSampler:
    """Episodes follow one another as they do for who plays on: a clip may go over an end. In half
    of the clips the first chunk, the sink, is from longer ago."""

    def __init__(self, play: EncodedPlay, c: AvditConfig, seed: int, held_out: float = 0.0) -> None:
        self._play, self._c = play, c
        self._rng = np.random.default_rng(seed)
        self._end = int(len(play) * (1 - held_out))

    @property
    def longest(self) -> int:
        """Chunks that a clip can have."""
        return self._end - 2

    def batch(self, size: int, chunks: int) -> Clips:
        start = self._rng.integers(1, self._end - chunks, size)
        at = start[:, None] + np.arange(chunks)
        far = self._rng.random(size) < _FAR_SHARE
        at[:, 0] -= far * np.minimum(self._rng.integers(0, _FAR, size), start - 1)
        return self._clips(at)

    def one(self, chunks: int) -> tuple[NDArray[np.int64], Clips]:
        """A single clip, all of it consecutive, and which chunks it is."""
        at = int(self._rng.integers(1, self._end - chunks)) + np.arange(chunks)
        return at, self._clips(at[None])

    def _clips(self, at: NDArray[np.int64]) -> Clips:
        play = self._play
        previous = self._latents(at - 1)
        return Clips(
            self._latents(at),
            previous.last(self._c),
            torch.from_numpy(np.asarray(play.actions[at])),
            torch.from_numpy(np.asarray(play.text[at])),
        )

    def _latents(self, at: NDArray[np.int64]) -> Latents:
        play = self._play
        return Latents(
            torch.from_numpy(play.picture[at].astype(np.float32)),
            torch.from_numpy(play.sound[at].astype(np.float32)),
            torch.from_numpy(np.asarray(play.numbers[at])),
        )
