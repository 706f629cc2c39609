"""The numbers of a world's state (health, ammunition, angle) as the transformer sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ANGLES = ("angle", "yaw", "heading")  # in degrees, as names end: become a sine and a cosine
_POSITION = "position"  # as names begin
_SELDOM = 0.5  # share of chunks
_CIRCLE = 2.0  # no sine or cosine, of variance 1, is beyond
_LEAST = 1e-4  # standard deviation, over the largest value: what varies less is constant


@dataclass(frozen=True)
class Numbers:
    """Of each column that varies: its name, whether it is an angle, its mean and deviation.

    `least`, by value: half of what it changes by over a chunk in which it changes, 0 of an
    angle and of what changes most of the time. A model that is unsure of an event (a hit, a shot)
    predicts a little of it in every frame; such sums of guesses are no state that ever was.
    Neither is what is beyond `lowest` and `highest`, those that were recorded.
    """

    names: tuple[str, ...] = ()
    angles: tuple[bool, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    least: tuple[float, ...] = ()
    lowest: tuple[float, ...] = ()
    highest: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Values of a frame."""
        return len(self.names) + sum(self.angles)

    @property
    def sines(self) -> tuple[int, ...]:
        """Which of the values are sines of angles; the cosines follow them."""
        return tuple(i + sum(self.angles[:i]) for i, is_angle in enumerate(self.angles) if is_angle)

    @property
    def positions(self) -> tuple[int, ...]:
        """Which of the values say where on the ground somebody is: of more than two positions,
        those that vary most."""
        found = [
            i
            for i, name in enumerate(self.names)
            if name.startswith(_POSITION) and not self.angles[i]
        ]
        widest = sorted(found, key=lambda i: -self.std[i])[:2]
        return tuple(i + sum(self.angles[:i]) for i in sorted(widest))

    @property
    def place(self) -> bool:
        """Whether they say which way and where somebody looks: one angle, two positions."""
        return len(self.sines) == 1 and len(self.positions) == 2

    @property
    def unit(self) -> tuple[float, ...]:
        """Deviations of these, over their root mean square."""
        stds = [self.std[i] for i in self.columns(self.positions)]
        whole = math.sqrt(sum(std**2 for std in stds) / max(len(stds), 1))
        return tuple(std / whole for std in stds)

    def columns(self, values: Sequence[int]) -> list[int]:
        """Which column each of some values is of."""
        of = [i for i, angle in enumerate(self.angles) for _ in range(1 + angle)]
        return [of[value] for value in values]

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

    def settled(self, numbers: Tensor, last: Tensor) -> Tensor:
        """(B, frames, count) of a chunk after those of the frame before, (B, count): what changes
        by less than `least` stays as it was, and all stays in the range that was recorded."""
        if any(self.least):
            least, out = numbers.new_tensor(self.least), []
            for each in numbers.unbind(1):
                last = torch.where((each - last).abs() < least, last, each)
                out.append(last)
            numbers = torch.stack(out, 1)
        if self.lowest:
            lowest, highest = numbers.new_tensor(self.lowest), numbers.new_tensor(self.highest)
            numbers = numbers.clamp(lowest, highest)
        return numbers

    @staticmethod
    def fit(
        states: Sequence[NDArray[np.float32]], columns: Sequence[str], frames: int = 1
    ) -> Numbers:
        """Of the states of all episodes, for chunks of so many frames."""
        whole = np.concatenate(states).astype(np.float64)
        mean, std = whole.mean(0), whole.std(0)
        varies = std > _LEAST * np.maximum(np.abs(whole).max(0), 1e-6)
        kept = [i for i, each in enumerate(varies) if each]
        angles = [columns[i].endswith(_ANGLES) for i in kept]
        changes = np.concatenate([state[frames:] - state[:-frames] for state in states])
        least: list[float] = []
        for i, angle in zip(kept, angles, strict=True):
            least += [0.0, 0.0] if angle else [_least(changes[:, i]) / float(std[i])]
        numbers = Numbers(
            tuple(columns[i] for i in kept),
            tuple(angles),
            tuple(float(mean[i]) for i in kept),
            tuple(float(std[i]) for i in kept),
            tuple(least),
        )
        encoded = np.concatenate([numbers.encode(state, columns) for state in states])
        turned = np.asarray([angles[i] for i in numbers.columns(range(numbers.count))], bool)
        return replace(
            numbers,
            lowest=_floats(np.where(turned, -_CIRCLE, encoded.min(0))),
            highest=_floats(np.where(turned, _CIRCLE, encoded.max(0))),
        )


def _least(changes: NDArray[np.float32]) -> float:
    """Of one number, over chunks."""
    real = changes[changes != 0]
    seldom = 0 < len(real) < _SELDOM * len(changes)
    return float(np.sqrt(np.square(real).mean())) / 2 if seldom else 0.0


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
