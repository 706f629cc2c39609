"""What a stream has done, counted as it goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

_RECENT = 240  # encoded pictures that the median looks back on
_WINDOW_S = 2.0  # of the bitrate


@dataclass(frozen=True)
class StreamStats:
    """Counts since the world began, but for `encode_ms` (median of the recent pictures) and
    `bitrate` (bit/s over the last two seconds, picture and sound as one viewer gets them)."""

    viewers: int
    frames_sent: int
    frames_skipped: int  # overtaken by a newer picture before they could be encoded
    keyframes: int
    packets_dropped: int  # by slow viewers' queues, and sound that came too late
    encode_ms: float
    bitrate: float


class StreamMeter:
    """Gathers the figures of `StreamStats`."""

    def __init__(self) -> None:
        self.frames_sent = 0
        self.frames_skipped = 0
        self.keyframes = 0
        self.packets_dropped = 0
        self._encode_ms: deque[float] = deque(maxlen=_RECENT)
        self._sizes: deque[tuple[float, int]] = deque()

    @property
    def encode_ms(self) -> float:
        return median(self._encode_ms) if self._encode_ms else 0.0

    def encoded(self, seconds: float, keyframe: bool) -> None:
        self._encode_ms.append(1000 * seconds)
        self.keyframes += keyframe

    def sent(self, now: float, size: int) -> None:
        """`size` bytes of payload went out to whoever watches."""
        self._sizes.append((now, size))
        self._forget(now)

    def bitrate(self, now: float) -> float:
        self._forget(now)
        return 8 * sum(size for _, size in self._sizes) / _WINDOW_S

    def _forget(self, now: float) -> None:
        while self._sizes and self._sizes[0][0] < now - _WINDOW_S:
            self._sizes.popleft()
