"""When a keyframe that somebody asked for may be made."""

from __future__ import annotations

import math


class KeyframeGate:
    """Remembers that a keyframe is wanted and spaces keyframes by `interval` seconds, so that
    viewers who lose packets cannot fill the stream with them. Pure: `now` is monotonic."""

    def __init__(self, interval: float = 0.3) -> None:
        self._interval = interval
        self._wanted = False
        self._last = -math.inf

    @property
    def wanted(self) -> bool:
        return self._wanted

    def request(self) -> None:
        self._wanted = True

    def ready_at(self) -> float:
        """The earliest time at which a keyframe may be made; infinite if none is wanted."""
        return self._last + self._interval if self._wanted else math.inf

    def made(self, now: float) -> None:
        """A keyframe was made: whoever waited for one has it."""
        self._wanted = False
        self._last = now
