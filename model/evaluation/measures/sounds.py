"""Measures of sound, (samples,) at 24 kHz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.rates import SAMPLE_RATE, SAMPLES_PER_FRAME

ONSET_WINDOW = 0.050  # seconds either side
_EARLY, LATE = 0.13, 0.20  # seconds in which an impact's sound is looked for
_HOP = 120  # samples: 5 ms
_AUDIBLE = 0.10  # contacts quieter than this make no onset worth finding

# How loud a contact of strength 1 is; 0 for those that swell, whose onset nobody could name.
_LOUDNESS: dict[str, dict[str, float]] = {
    "court": {
        "bounce": 0.8, "rim": 0.5, "board": 0.7, "wall": 0.5, "swish": 0.3, "step": 0.3,
        "land": 0.6, "pickup": 0.25, "throw": 0.2,
    },
    "pond": {
        "splash": 0.8, "stroke": 0.25, "climb": 0.5, "land": 0.8, "lap": 0.0, "bump": 0.8,
    },
    "corridors": {
        "step_wood": 0.6, "step_stone": 0.5, "step_carpet": 0.4, "bump": 0.8, "door": 0.5,
    },
}  # fmt: skip


@dataclass(frozen=True)
class OnsetScore:
    matched: int
    found: int
    true: int
    error_s: float  # summed over the matched

    @property
    def f1(self) -> float:
        return 2 * self.matched / max(1, self.found + self.true)

    @property
    def mean_error_s(self) -> float:
        return self.error_s / max(1, self.matched)

    def __add__(self, other: OnsetScore) -> OnsetScore:
        return OnsetScore(
            self.matched + other.matched,
            self.found + other.found,
            self.true + other.true,
            self.error_s + other.error_s,
        )


def onsets(sound: Tensor) -> list[float]:
    """Times (seconds) at which something is struck: peaks of the rise of the log-energy in 5 ms
    hops."""
    hops = len(sound) // _HOP
    energy = sound[: hops * _HOP].float().view(hops, _HOP).square().mean(1)
    level = 10 * torch.log10(energy + 1e-5)
    past = torch.nn.functional.pad(level, (4, 0), value=float(level[0]))
    rise = level - past.unfold(0, 4, 1)[:hops].amax(1)
    times: list[float] = []
    last = -1.0
    for hop in (rise > 4.0).nonzero()[:, 0].tolist():
        time = hop * _HOP / SAMPLE_RATE
        if time - last > 0.06:
            times.append(time)
        last = time
    return times


def contact_times(
    world: str, kinds: Sequence[str], strength: Tensor, when: Tensor, faint: bool = False
) -> list[float]:
    """Audible contacts of one world, (T, kinds), in seconds, or with `faint` the others: those
    that are quiet or swell. Those within 50 ms are one."""
    audible = strength * torch.tensor([_LOUDNESS[world].get(kind, 0.5) for kind in kinds])
    wanted = (strength > 0) & (audible <= _AUDIBLE) if faint else audible > _AUDIBLE
    frame, kind = wanted.nonzero(as_tuple=True)
    times = ((frame + when[frame, kind]) * SAMPLES_PER_FRAME / SAMPLE_RATE).sort().values.tolist()
    merged: list[float] = []
    for time in times:
        if not merged or time - merged[-1] > ONSET_WINDOW:
            merged.append(time)
    return merged


def score_onsets(found: list[float], true: list[float], faint: Sequence[float] = ()) -> OnsetScore:
    """Match each true onset to the nearest unused found one within the window. What is found
    besides, near one of the `faint`, does not count: they may be heard or not."""
    left = list(found)
    matched, error = 0, 0.0
    for time in true:
        nearest = min(left, key=lambda t: abs(t - time), default=None)
        if nearest is not None and abs(nearest - time) <= ONSET_WINDOW:
            left.remove(nearest)
            matched += 1
            error += abs(nearest - time)
    extra = [t for t in left if all(abs(t - other) > ONSET_WINDOW for other in faint)]
    return OnsetScore(matched, matched + len(extra), len(true), error)


def loudness(sound: Tensor, time: float) -> float:
    """The loudest 10 ms around `time`, as root mean square. What comes three frames early or
    late is as loud; how late it is, onsets tell."""
    first = max(0, round((time - _EARLY) * SAMPLE_RATE))
    part = sound[first : round((time + LATE) * SAMPLE_RATE)].float()
    if len(part) < 2 * _HOP:
        return 0.0
    return float(part.unfold(0, 2 * _HOP, _HOP).square().mean(1).amax().sqrt())


def near_onsets(times: list[float], samples: int, reach: float = 0.06) -> Tensor:
    """Which samples are within `reach` seconds after one of the times, or 10 ms before: (samples,)
    bool."""
    mask = torch.zeros(samples, dtype=torch.bool)
    for time in times:
        first = max(0, round((time - 0.01) * SAMPLE_RATE))
        mask[first : round((time + reach) * SAMPLE_RATE)] = True
    return mask


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, ties by their mean rank; NaN for fewer than three pairs, 0 where one is
    constant."""
    if len(a) < 3:
        return float("nan")
    x, y = (_ranks(torch.tensor(v, dtype=torch.float64)) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    spread = float((x.square().sum() * y.square().sum()).sqrt())
    return float((x * y).sum()) / spread if spread > 0 else 0.0


def _ranks(values: Tensor) -> Tensor:
    below = (values[:, None] > values).double().sum(1)
    return below + ((values[:, None] == values).double().sum(1) - 1) / 2
