"""The media clock: which moment of a world is due when."""

from __future__ import annotations

import math
from collections.abc import Callable


class MediaClock:
    """Maps media time (seconds since the world began, frame i at i / fps) to monotonic time.

    Pure: every method takes `now`, in seconds of any monotonic clock (an event loop's
    `time()`), and nothing here waits. The clock stands still before `start` and between `pause`
    and `resume`; nothing is due while it stands.

    A chunk that comes late is told to `hold`: its first frame becomes due at that moment, and
    `media_time`, which had run past it, steps back to it. Frames themselves never repeat and
    never skip: media time goes on where it was.
    """

    def __init__(self, fps: int = 24) -> None:
        self.fps = fps
        self.stalls = 0
        self.stalled_s = 0.0
        self.on_change: Callable[[], None] | None = None
        """Called after anything that moves due times: start, hold, pause, resume."""
        self._origin: float | None = None  # when media time 0 is due; None while standing
        self._frozen = 0.0  # media time while standing

    @property
    def running(self) -> bool:
        return self._origin is not None

    def start(self, now: float, frame: int = 0) -> None:
        """`frame` is due now."""
        self._origin = now - frame / self.fps
        self._changed()

    def due(self, frame: int) -> float:
        """Monotonic time at which `frame` is due; infinite while the clock stands."""
        return self.due_at(frame / self.fps)

    def due_at(self, media_time: float) -> float:
        """Monotonic time at which `media_time` is due; infinite while the clock stands."""
        return math.inf if self._origin is None else self._origin + media_time

    def media_time(self, now: float) -> float:
        """Seconds of media that are due by now; constant while the clock stands."""
        return self._frozen if self._origin is None else now - self._origin

    def hold(self, frame: int, now: float) -> float:
        """`frame` comes late and is due now. Returns by how many seconds; 0 if it is not late
        after all, in which case nothing changes."""
        if self._origin is None or now <= self.due(frame):
            return 0.0
        held = now - self.due(frame)
        self.stalls += 1
        self.stalled_s += held
        self._origin += held
        self._changed()
        return held

    def pause(self, now: float) -> None:
        """Stand still at what is due now. Does nothing if the clock stands."""
        if self._origin is None:
            return
        self._frozen = self.media_time(now)
        self._origin = None
        self._changed()

    def resume(self, now: float) -> None:
        """Go on from where the clock stood. Does nothing if it runs."""
        if self._origin is not None:
            return
        self._origin = now - self._frozen
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
