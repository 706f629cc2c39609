"""Sound from any sample rate to 48 kHz, without seams and without drift."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

REACH = 16  # input samples that an output sample looks to, to each side
_PHASES = 3_840  # kernels in the table; what falls between two of them has an error of -75 dB


@dataclass(frozen=True)
class _Segment:
    """From output sample `at` on, output sample p lies at input sample position + (p - at) * step.

    `at` and `position` need not be whole.
    """

    at: Fraction
    position: Fraction
    step: Fraction

    def input_of(self, output: int) -> Fraction:
        return self.position + (output - self.at) * self.step

    def first_output_at(self, position: int) -> int:
        """The first output sample that lies at input sample `position` or after it."""
        return math.ceil(self.at + (position - self.position) / self.step)


class Resampler:
    """Raises the sample rate by any rational ratio, which may change as it goes on.

    A Kaiser-windowed sinc with its cut-off at half the input rate. Positions are exact fractions,
    so nothing drifts, and the output does not depend on how the input was cut. The newest `REACH`
    input samples wait for their right-hand neighbours; before the first one is silence.
    """

    def __init__(self, at: Fraction, step: Fraction) -> None:
        """Input sample 0 lies at output sample `at`; `step` input samples are one output sample.
        Raises ValueError where the rate would be lowered."""
        self._segments = deque([_segment(at, Fraction(0), step)])
        self.next_output = math.ceil(at)
        self._line: Samples = np.zeros(REACH, np.float32)
        self._line_start = -REACH

    @property
    def step(self) -> Fraction:
        return self._segments[-1].step

    def change(self, at: Fraction, position: Fraction, step: Fraction) -> None:
        """From output sample `at` on, which lies at input sample `position`, a step is `step`. To
        be called before the samples after `position` are pushed."""
        self._segments.append(_segment(at, position, step))

    def push(self, samples: Samples) -> Samples:
        """(n,) samples at the input rate -> as many at the output rate as are complete."""
        self._line = np.concatenate([self._line, samples.astype(np.float32, copy=False)])
        complete = self._line_start + len(self._line) - REACH
        parts = []
        while True:
            segment = self._segments[0]
            end = segment.first_output_at(complete)
            if len(self._segments) > 1:
                end = min(end, math.ceil(self._segments[1].at))
            if end > self.next_output:
                parts.append(self._interpolate(segment, end))
                self.next_output = end
            if len(self._segments) == 1 or end < math.ceil(self._segments[1].at):
                break
            self._segments.popleft()
        self._forget()
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def finish(self, end: int) -> Samples:
        """What is left before output sample `end`, as if the last input sample were held."""
        rest = self.push(np.full(2 * REACH, self._line[-1]))
        return rest[: max(end - (self.next_output - len(rest)), 0)]

    def _interpolate(self, segment: _Segment, end: int) -> Samples:
        first = segment.input_of(self.next_output)
        denominator = math.lcm(first.denominator, segment.step.denominator)
        base, numerator = divmod(int(first * denominator), denominator)
        stride = int(segment.step * denominator)
        numerators = numerator + stride * np.arange(end - self.next_output, dtype=np.int64)
        whole, part = np.divmod(numerators, denominator)
        windows = np.lib.stride_tricks.sliding_window_view(self._line, 2 * REACH)
        around = windows[whole + (base - REACH + 1 - self._line_start)]
        nearest = (part * _PHASES + denominator // 2) // denominator
        out: Samples = np.einsum("nt,nt->n", around, _KERNELS[nearest])
        return out

    def _forget(self) -> None:
        needed = math.floor(self._segments[0].input_of(self.next_output)) - REACH + 1
        unneeded = min(max(needed - self._line_start, 0), len(self._line))
        self._line = self._line[unneeded:]
        self._line_start += unneeded


def _segment(at: Fraction, position: Fraction, step: Fraction) -> _Segment:
    if not 0 < step <= 1:
        raise ValueError(f"a step of {step} input samples does not raise the sample rate")
    return _Segment(at, position, step)


def _kernels(beta: float = 7.0) -> Samples:
    """(phases + 1, 2 * reach) taps for the value i / phases after the reach-th of 2 * reach
    samples."""
    shift = np.linspace(0, 1, _PHASES + 1)[:, np.newaxis]
    offsets = np.arange(1 - REACH, REACH + 1) - shift
    taps = np.sinc(offsets) * np.i0(beta * np.sqrt(np.maximum(1 - (offsets / REACH) ** 2, 0)))
    scaled: Samples = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


_KERNELS = _kernels()
