"""The media clock: which moment of a session is due when."""

from __future__ import annotations

import math
from collections.abc import Callable


class MediaClock:
    """Maps the media time of a session, in seconds, to monotonic time.

    Pure: every method takes `now`, in seconds of any monotonic clock (an event loop's
    `time()`), and nothing here waits. The clock stands still before `start` and between `pause`
    and `resume`; nothing is due while it stands.

    For a chunk that comes late the clock is held: the moment at which it begins becomes due now,
    and `media_time`, which had run past it, steps back to it. Frames never repeat and are never
    left out: media time goes on where it was.
    """

    def __init__(self) -> None:
        self.stalls = 0
        self.stalled_s = 0.0
        self._origin: float | None = None  # when media time 0 is due; None while standing
        self._frozen = 0.0  # media time while standing
        self._listeners: list[Callable[[], None]] = []

    @property
    def running(self) -> bool:
        return self._origin is not None

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after anything that moves due times: start, hold, pause, resume.
        Returns a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def start(self, now: float, media_time: float = 0.0) -> None:
        """`media_time` is due now."""
        self._origin = now - media_time
        self._changed()

    def due(self, media_time: float) -> float:
        """Monotonic time at which `media_time` is due; infinite while the clock stands."""
        return math.inf if self._origin is None else self._origin + media_time

    def media_time(self, now: float) -> float:
        """Seconds of media that are due by now; constant while the clock stands."""
        return self._frozen if self._origin is None else now - self._origin

    def hold(self, media_time: float, now: float) -> float:
        """What begins at `media_time` comes late and is due now. Returns by how many seconds; 0 if
        it is not late after all, in which case nothing changes."""
        if self._origin is None or now <= self.due(media_time):
            return 0.0
        held = now - self.due(media_time)
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
        for listener in list(self._listeners):
            listener()
