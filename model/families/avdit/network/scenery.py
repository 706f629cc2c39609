"""What a place looks like: latent pictures from the numbers of a state alone.

A map that is kept in weights. Where numbers say which way somebody looks and where he stands, it
draws what is always there (walls, a floor), however long ago that was seen; what comes and goes is
not in the numbers, so it is left out.

An angle and two positions are drawn as a place (`place.py`). In recordings without, all numbers
that say which way or where are given to a network as waves (Tancik et al. 2020, "Fourier
features"), without which it draws only what changes slowly. To either, what a second network draws
of all other numbers (a display, what is held) is added: walls look the same whatever the health,
also in combinations that were never recorded.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.place import Place

_HARMONICS = 128  # of an angle; the period of the last is 2.8 degrees, about a latent of a view
_OCTAVES = 6  # of another number
_SLOWEST = 0.75  # radians of the first octave to a standard deviation
_LARGEST = 8.0  # deviations from the mean, of numbers that were not fitted
_LAYERS = 2


class Scenery(nn.Module):
    lowest: Tensor  # (numbers,): beyond these, numbers are taken as these
    highest: Tensor

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._config = c
        self.register_buffer("lowest", torch.full((c.numbers,), -_LARGEST))
        self.register_buffer("highest", torch.full((c.numbers,), _LARGEST))
        pose = sorted(c.pose) or [*range(c.numbers)]
        others = [i for i in range(c.numbers) if i not in pose]
        self.place = Place(c) if c.place else None
        self.pose = None if c.place else _Drawn(c, pose, c.scenery, c.scenery // 2)
        self.others = _Drawn(c, others, c.scenery // 4, c.scenery // 16) if others else None

    def fit(self, numbers: Tensor) -> None:
        """To what was recorded, (chunks, frames, numbers): waves of other numbers mean nothing."""
        self.lowest.copy_(numbers.amin((0, 1)))
        self.highest.copy_(numbers.amax((0, 1)))

    def forward(self, numbers: Tensor) -> Tensor:
        """Of each frame that a latent picture stands for, (..., group, numbers), to (...,
        channels, rows, columns)."""
        c = self._config
        numbers, lead = numbers.clamp(self.lowest, self.highest), numbers.shape[:-2]
        parts = [part(numbers) for part in (self.pose, self.others) if part is not None]
        if self.place is not None:
            flat = numbers.reshape(-1, c.group, c.numbers)
            drawn = self.place(angles_of(flat, c.angles[0]), flat[..., c.positions])
            parts.append(drawn.reshape(*lead, *drawn.shape[1:]))
        return functools.reduce(torch.add, parts)


class _Drawn(nn.Module):
    """What some of the numbers, (..., group, numbers), draw: (..., channels, rows, columns)."""

    def __init__(self, c: AvditConfig, columns: list[int], width: int, pictures: int) -> None:
        """`pictures` are mixed."""
        super().__init__()
        self._columns, self._shape = columns, (c.channels, c.rows, c.columns)
        self._angles = [i for i in columns if i in c.angles]
        self._plain = [i for i in columns if not {i, i - 1} & set(c.angles)]
        waves = 2 * (_HARMONICS * len(self._angles) + _OCTAVES * len(self._plain)) + len(columns)
        self.first = nn.Linear(c.group * waves, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(_LAYERS))
        self.last = nn.Linear(width, max(1, pictures))
        self.cells = nn.Linear(max(1, pictures), c.channels * c.rows * c.columns)

    def forward(self, numbers: Tensor) -> Tensor:
        x = F.silu(self.first(self._waves(numbers).flatten(-2)))
        for layer in self.hidden:
            x = x + F.silu(layer(x))
        out: Tensor = self.cells(self.last(x)).unflatten(-1, self._shape)
        return out

    def _waves(self, numbers: Tensor) -> Tensor:
        """(..., numbers) -> (..., waves)."""
        phases = [numbers[..., :0]]
        for sine in self._angles:
            angle = angles_of(numbers, sine)
            harmonics = torch.arange(1, _HARMONICS + 1, device=angle.device)
            phases.append(angle[..., None] * harmonics)
        plain = numbers[..., self._plain]
        phases += [plain * (_SLOWEST * 2**octave) for octave in range(_OCTAVES)]
        phase = torch.cat(phases, -1)
        return torch.cat([phase.cos(), phase.sin(), numbers[..., self._columns]], -1)


def angles_of(numbers: Tensor, sine: int) -> Tensor:
    """Numbers (..., numbers), of which `sine` and the next are of an angle, to radians (...)."""
    return torch.atan2(numbers[..., sine], numbers[..., sine + 1])


def advanced(last: Tensor, change: Tensor, angles: tuple[int, ...]) -> Tensor:
    """Numbers (..., numbers) after a change of that shape. An angle, whose sine and cosine are
    numbers, is turned: the change is of a complex factor, of which the direction counts."""
    out = list((last + change).unbind(-1))
    for i in angles:
        a, b = change[..., i], 1 + change[..., i + 1]
        sine, cosine = (
            last[..., i] * b + last[..., i + 1] * a,
            last[..., i + 1] * b - last[..., i] * a,
        )
        length = torch.rsqrt((sine.square() + cosine.square()) / 2 + 1e-6)
        out[i], out[i + 1] = sine * length, cosine * length
    return torch.stack(out, -1)
