"""What a stream has sent, counted as it goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_WINDOW_S = 2.0  # of the bitrate


@dataclass(frozen=True)
class StreamStats:
    """Counts since the session began, but for `viewers` (connected), `pending` (not yet) and
    `bitrate` (bit/s over the last two seconds, picture and sound as one viewer gets them)."""

    viewers: int
    pending: int
    frames_sent: int
    keyframes: int
    packets_dropped: int  # by slow viewers' queues, and those older than what was sent
    bitrate: float


class StreamMeter:
    """Gathers the figures of `StreamStats`."""

    def __init__(self) -> None:
        self.frames_sent = 0
        self.keyframes = 0
        self.packets_dropped = 0
        self._sizes: deque[tuple[float, int]] = deque()

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
