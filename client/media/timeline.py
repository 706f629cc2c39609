"""Which stream frame a picture is. Pure.

Pictures carry media time only. A receipt names a stream frame and its media time; from there on
frames are counted by the rate, as long as the session ran at its full rate and no chunk was late.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass

NEAR = 0.1  # of a frame: how far from a whole one rounding of media times can be
KEPT = 256


@dataclass(frozen=True, order=True)
class Anchor:
    """`stream_frame` is shown from `media_time`, in seconds, on."""

    media_time: float
    stream_frame: int


class Timeline:
    """Of one session with `fps` frames a second at the full rate."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._anchors: list[Anchor] = []  # the newest KEPT, by time
        self._breaks: deque[float] = deque(maxlen=KEPT)  # no counting across these media times
        self._lower_since: float | None = None  # None at the full rate

    def receipt(self, stream_frame: int, media_time: float) -> None:
        """A frame and its time become known."""
        insort(self._anchors, Anchor(media_time, stream_frame))
        del self._anchors[:-KEPT]

    def stall(self, media_time: float) -> None:
        """A chunk was late: the frame before `media_time` was held."""
        self._breaks.append(media_time)

    def rate(self, rate: float, media_time: float) -> None:
        """The session runs at this share of the full rate from `media_time` on."""
        if rate != 1.0:
            self._lower_since = media_time if self._lower_since is None else self._lower_since
        elif self._lower_since is not None:
            self._lower_since = None
            self._breaks.append(media_time)

    def stream_frame(self, media_time: float) -> int | None:
        """The frame that is shown from this media time on; None where it can not be known."""
        before = [a for a in self._anchors if a.media_time < media_time + NEAR / self._fps]
        if not before:
            return None
        anchor = before[-1]
        frames = (media_time - anchor.media_time) * self._fps
        whole = round(frames)
        if abs(frames - whole) >= NEAR:
            return None
        if whole and self._broken(anchor.media_time, media_time):
            return None
        return anchor.stream_frame + whole

    def _broken(self, start: float, end: float) -> bool:
        if self._lower_since is not None and end > self._lower_since:
            return True
        return any(start < at <= end for at in self._breaks)
