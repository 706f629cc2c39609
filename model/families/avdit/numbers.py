"""The numbers of a world's state (health, ammunition, angle) as the transformer sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ANGLES = ("angle", "yaw", "heading")  # in degrees, as names end: become a sine and a cosine
_LEAST = 1e-4  # standard deviation, over the largest value: what varies less is constant


@dataclass(frozen=True)
class Numbers:
    """Of each column that varies: its name, whether it is an angle, its mean and deviation."""

    names: tuple[str, ...] = ()
    angles: tuple[bool, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Values of a frame."""
        return len(self.names) + sum(self.angles)

    @property
    def sines(self) -> tuple[int, ...]:
        """Which of the values are sines of angles; the cosines follow them."""
        return tuple(i + sum(self.angles[:i]) for i, is_angle in enumerate(self.angles) if is_angle)

    def encode(self, state: NDArray[np.float32], columns: Sequence[str]) -> NDArray[np.float32]:
        """(frames, columns) as recorded -> (frames, count) of mean 0 and variance 1."""
        out = []
        for name, angle, mean, std in zip(
            self.names, self.angles, self.mean, self.std, strict=True
        ):
            value = state[:, list(columns).index(name)]
            if angle:
                turned = np.deg2rad(value)
                out += [np.sqrt(2) * np.sin(turned), np.sqrt(2) * np.cos(turned)]
            else:
                out.append(np.clip((value - mean) / std, -8, 8))
        return np.stack(out, 1).astype(np.float32) if out else np.zeros((len(state), 0), np.float32)

    @staticmethod
    def fit(states: Sequence[NDArray[np.float32]], columns: Sequence[str]) -> Numbers:
        """Of the states of all episodes."""
        whole = np.concatenate(states).astype(np.float64)
        mean, std = whole.mean(0), whole.std(0)
        varies = std > _LEAST * np.maximum(np.abs(whole).max(0), 1e-6)
        kept = [i for i, each in enumerate(varies) if each]
        return Numbers(
            tuple(columns[i] for i in kept),
            tuple(columns[i].endswith(_ANGLES) for i in kept),
            tuple(float(mean[i]) for i in kept),
            tuple(float(std[i]) for i in kept),
        )
