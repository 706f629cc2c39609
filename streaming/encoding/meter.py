"""What encoding has done and what it costs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

_RECENT = 240  # encoded pictures that the median looks back on


@dataclass(frozen=True)
class TransmitterStats:
    """Counts since the transmitter began, but for `encode_ms`: median of the recent pictures, with
    enlarging them."""

    frames_shown: int
    frames_skipped: int  # overtaken by a newer picture before they could be encoded
    keyframes: int
    sounds_dropped: int  # packets that came too late to be heard
    encode_ms: float
    busy_s: float  # that the encoding thread has worked for this session


class EncodingMeter:
    """Gathers the figures of `TransmitterStats`."""

    def __init__(self) -> None:
        self.frames_shown = 0
        self.frames_skipped = 0
        self.keyframes = 0
        self.sounds_dropped = 0
        self.busy_s = 0.0
        self._encode_ms: deque[float] = deque(maxlen=_RECENT)

    @property
    def encode_ms(self) -> float:
        return median(self._encode_ms) if self._encode_ms else 0.0

    def encoded(self, seconds: float, keyframe: bool) -> None:
        self._encode_ms.append(1000 * seconds)
        self.busy_s += seconds
        self.keyframes += keyframe

    def stats(self) -> TransmitterStats:
        return TransmitterStats(
            self.frames_shown,
            self.frames_skipped,
            self.keyframes,
            self.sounds_dropped,
            self.encode_ms,
            self.busy_s,
        )
