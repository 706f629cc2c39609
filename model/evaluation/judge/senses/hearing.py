"""Onsets of loud events, found in sound alone, against the events of the game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Sound
from lightcone.model.evaluation.judge.truth import Played

WINDOW = 0.060  # seconds by which an onset may miss its event
_HOP, _SPAN = 0.005, 0.023  # seconds
_BACK = 3  # hops over which the flux rises
_APART = 0.10  # seconds between two onsets, at least
_LOW = 500.0  # Hz: a shot has a low end that cries and steps have not


@dataclass(frozen=True)
class Heard:
    """How onsets compare to events. Errors are in seconds, summed over the matched."""

    matched: int
    found: int
    true: int
    error: float


def flux(sound: Sound, rate: int) -> NDArray[np.float32]:
    """Spectral flux below 500 Hz by hops of 5 ms: the mean over frequencies of the rise of the
    magnitude over 15 ms, in thousandths of full scale; falls count as nothing."""
    hop, span = round(_HOP * rate), round(_SPAN * rate)
    if len(sound) < span + hop:
        return np.zeros(0, np.float32)
    padded = np.concatenate([np.zeros(span - hop, np.float32), sound])
    pieces = np.lib.stride_tricks.sliding_window_view(padded, span)[::hop]
    spectrum = np.fft.rfft(pieces * np.hanning(span).astype(np.float32))
    low = np.fft.rfftfreq(span, 1 / rate) <= _LOW
    level = np.abs(spectrum[:, low]) * (1000 / span)
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


def match(found: Sequence[float], true: Sequence[float], window: float = WINDOW) -> Heard:
    """Each event is matched to the nearest onset that is left within the window; onsets without an
    event count against."""
    left = list(found)
    matched, error = 0, 0.0
    for time in true:
        nearest = min(left, key=lambda each: abs(each - time), default=None)
        if nearest is not None and abs(nearest - time) <= window:
            left.remove(nearest)
            matched += 1
            error += abs(nearest - time)
    return Heard(matched, len(found), len(true), error)


@dataclass(frozen=True)
class Ear:
    """An onset detector, set on the truth: `threshold` of the flux, and `delay` in seconds of an
    event's onset after the start of the frame in which the game's numbers tell it."""

    rate: int
    fps: int
    threshold: float
    delay: float

    def onsets(self, sound: Sound) -> list[float]:
        return onsets(flux(sound, self.rate), self.threshold)

    def hear(self, sound: Sound, events: Sequence[int]) -> Heard:
        """`events` are frames, counted from the start of the sound. Those of the last 60 ms
        cannot be heard yet and are left out."""
        end = len(sound) / self.rate - WINDOW - max(self.delay, 0.0)
        times = [each / self.fps + self.delay for each in events if each / self.fps < end]
        return match([each for each in self.onsets(sound) if each < end], times)


def shots(played: Played, ammunition: str = "selected_weapon_ammo") -> list[int]:
    """Frames in which a shot was fired."""
    return (np.flatnonzero(np.diff(played.number(ammunition)) < 0) + 1).tolist()


def set_ear(plays: Sequence[Played]) -> Ear | None:
    """The threshold with the best F1 on the truth itself; None without sound or without shots."""
    info = plays[0].info
    pairs = [(played.sound, shots(played)) for played in plays if played.sound is not None]
    if info.sample_rate is None or not any(fired for _, fired in pairs):
        return None
    rises = [(flux(sound, info.sample_rate), fired) for sound, fired in pairs]
    best: tuple[float, Ear] | None = None
    loudest = max((float(rise.max()) for rise, _ in rises if len(rise)), default=0.0)
    for threshold in loudest * np.linspace(0.02, 0.8, 40):
        found = [(onsets(rise, threshold), fired) for rise, fired in rises]
        delay = _delay(found, info.fps)
        ear = Ear(info.sample_rate, info.fps, float(threshold), delay)
        scores = [match(o, [f / info.fps + delay for f in fired]) for o, fired in found]
        f1 = 2 * sum(s.matched for s in scores) / max(1, sum(s.found + s.true for s in scores))
        if best is None or f1 > best[0]:
            best = f1, ear
    return best[1] if best is not None else None


def _delay(found: Sequence[tuple[Sequence[float], Sequence[int]]], fps: int) -> float:
    """The median time from the start of an event's frame to the nearest onset, within 100 ms."""
    off = [
        min((o - f / fps for o in each), key=abs) for each, fired in found if each for f in fired
    ]
    near = [each for each in off if abs(each) < 0.1]
    return float(np.median(near)) if near else 0.0
