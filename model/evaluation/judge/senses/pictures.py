"""Measures of pictures (F, H, W, 3), of 255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames

PEAK = 60.0  # dB, of equal pictures
_LEVELS = 8  # of each colour in a histogram


def psnr(a: Frames, b: Frames) -> NDArray[np.float64]:
    """Of each frame of the shorter one, over all pixels and colours, in dB, at most 60: (F,)."""
    count = min(len(a), len(b))
    out = np.empty(count)
    for i in range(count):
        error = np.square(a[i].astype(np.float32) - b[i]).mean(dtype=np.float64)
        out[i] = PEAK if error == 0 else min(PEAK, 10 * np.log10(255**2 / error))
    return out


def gradient_energy(frames: Frames) -> float:
    """Mean square of the difference of brightness between neighbours, sideways plus down, over
    all frames. Noise has it too: it is read together with PSNR."""
    total = 0.0
    for frame in frames:
        grey = frame.mean(-1, dtype=np.float32)
        total += float(np.square(np.diff(grey, axis=1)).mean())
        total += float(np.square(np.diff(grey, axis=0)).mean())
    return total / max(1, len(frames))


def histogram(frames: Frames) -> NDArray[np.float64]:
    """Shares of pixels by colour, in 8 x 8 x 8 levels: (512,)."""
    level = frames.astype(np.int32) * _LEVELS // 256
    index = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    counts = np.bincount(index.ravel(), minlength=_LEVELS**3)
    out: NDArray[np.float64] = counts / max(1, counts.sum())
    return out


def colour_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Of two histograms: the share of pixels that would have to change their level, 0 to 1."""
    return float(np.abs(a - b).sum() / 2)
