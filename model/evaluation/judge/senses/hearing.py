"""Onsets of loud events, found in sound alone, against the events of the game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Sound

WINDOW = 0.060  # seconds by which an onset may miss its event
_HOP, _SPAN = 0.005, 0.023  # seconds
_BACK = 3  # hops over which the flux rises
_APART = 0.10  # seconds between two onsets, at least
_NEAR = 0.1  # seconds from an event to its onset, at most


@dataclass(frozen=True)
class Band:
    """Frequencies in Hz, and shares of the loudest flux that are tried as threshold."""

    lowest: float
    highest: float
    shares: tuple[float, ...]


# A shot has a low end that cries and steps have not.
SHOTS = Band(0.0, 500.0, tuple(np.linspace(0.02, 0.8, 40)))


@dataclass(frozen=True)
class Noted:
    """An episode's sound, and the times in frames of its events, of which those that are `faint`
    may be heard or not."""

    sound: Sound
    events: Sequence[float]
    faint: Sequence[float] = ()


@dataclass(frozen=True)
class Heard:
    """How onsets compare to events. Errors are in seconds, summed over the matched."""

    matched: int
    found: int
    true: int
    error: float


def flux(sound: Sound, rate: int, band: Band = SHOTS) -> NDArray[np.float32]:
    """Spectral flux in a band by hops of 5 ms: the mean over frequencies of the rise of the
    magnitude over 15 ms, in thousandths of full scale; falls count as nothing."""
    hop, span = round(_HOP * rate), round(_SPAN * rate)
    if len(sound) < span + hop:
        return np.zeros(0, np.float32)
    padded = np.concatenate([np.zeros(span - hop, np.float32), sound])
    pieces = np.lib.stride_tricks.sliding_window_view(padded, span)[::hop]
    spectrum = np.fft.rfft(pieces * np.hanning(span).astype(np.float32))
    hertz = np.fft.rfftfreq(span, 1 / rate)
    inside = (hertz >= band.lowest) & (hertz <= band.highest)
    level = np.abs(spectrum[:, inside]) * (1000 / span)
    before = np.concatenate([np.repeat(level[:1], _BACK, 0), level[:-_BACK]])[: len(level)]
    rise: NDArray[np.float32] = np.maximum(level - before, 0).mean(1, dtype=np.float32)
    return rise


def onsets(rise: NDArray[np.float32], threshold: float) -> list[float]:
    """Times in seconds of the peaks of a flux above a threshold."""
    times: list[float] = []
    strongest = 0.0
    for hop in np.flatnonzero(rise > threshold).tolist():
        time = hop * _HOP
        if times and time - times[-1] < _APART:
            if rise[hop] > strongest:
                times[-1], strongest = time, float(rise[hop])
            continue
        times.append(time)
        strongest = float(rise[hop])
    return times


def match(
    found: Sequence[float],
    true: Sequence[float],
    window: float = WINDOW,
    faint: Sequence[float] = (),
) -> Heard:
    """Each event is matched to the nearest onset that is left within the window; onsets without an
    event count against, but for those near a faint one."""
    left = list(found)
    matched, error = 0, 0.0
    for time in true:
        nearest = min(left, key=lambda each: abs(each - time), default=None)
        if nearest is not None and abs(nearest - time) <= window:
            left.remove(nearest)
            matched += 1
            error += abs(nearest - time)
    extra = [each for each in left if all(abs(each - other) > window for other in faint)]
    return Heard(matched, matched + len(extra), len(true), error)


@dataclass(frozen=True)
class Ear:
    """An onset detector, set on the truth: `threshold` of the flux, and `delay` in seconds of an
    event's onset after the time at which the truth has it."""

    rate: int
    fps: int
    threshold: float
    delay: float
    band: Band = SHOTS

    def onsets(self, sound: Sound) -> list[float]:
        return onsets(flux(sound, self.rate, self.band), self.threshold)

    def hear(self, sound: Sound, events: Sequence[float], faint: Sequence[float] = ()) -> Heard:
        """`events` and `faint` are times in frames, counted from the start of the sound. Those of
        the last 60 ms cannot be heard yet and are left out."""
        end = len(sound) / self.rate - WINDOW - max(self.delay, 0.0)
        times = [each / self.fps + self.delay for each in events if each / self.fps < end]
        quiet = [each / self.fps + self.delay for each in faint]
        return match([each for each in self.onsets(sound) if each < end], times, faint=quiet)


def set_ear(
    episodes: Sequence[Noted], rate: int, fps: int, bands: Sequence[Band] = (SHOTS,)
) -> Ear | None:
    """The band and the threshold with the best F1 on the truth itself; None without events."""
    if not any(each.events for each in episodes):
        return None
    best: tuple[float, Ear] | None = None
    for band in bands:
        rises = [flux(each.sound, rate, band) for each in episodes]
        loudest = max((float(rise.max()) for rise in rises if len(rise)), default=0.0)
        for threshold in loudest * np.array(band.shares):
            found = [onsets(rise, threshold) for rise in rises]
            delay = _delay(found, episodes, fps)
            scores = [
                match(
                    heard,
                    [time / fps + delay for time in each.events],
                    faint=[time / fps + delay for time in each.faint],
                )
                for heard, each in zip(found, episodes, strict=True)
            ]
            f1 = 2 * sum(s.matched for s in scores) / max(1, sum(s.found + s.true for s in scores))
            if best is None or f1 > best[0]:
                best = f1, Ear(rate, fps, float(threshold), delay, band)
    return best[1] if best is not None else None


def _delay(found: Sequence[Sequence[float]], episodes: Sequence[Noted], fps: int) -> float:
    """The median time from an event to the nearest onset, within 100 ms."""
    off = [
        min((onset - time / fps for onset in heard), key=abs)
        for heard, each in zip(found, episodes, strict=True)
        if heard
        for time in each.events
    ]
    near = [each for each in off if abs(each) < _NEAR]
    return float(np.median(near)) if near else 0.0
