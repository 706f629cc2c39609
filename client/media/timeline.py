"""Which stream frame a picture is. Pure.

Pictures carry media time only. A receipt names a stream frame and its media time; from there on
frames are counted by the rate, as long as the session ran at its full rate and no chunk was late.
"""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 0.1  # of a frame: how far from a whole one rounding of media times can be


@dataclass(frozen=True)
class Anchor:
    """`stream_frame` is shown from `media_time`, in seconds, on."""

    stream_frame: int
    media_time: float


class Timeline:
    """Of one session with `fps` frames a second at the full rate."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._anchor: Anchor | None = None
        self._holds: list[float] = []  # media times since the anchor at which a chunk was late
        self._full = True  # whether all frames since the anchor lasted 1 / fps

    def receipt(self, stream_frame: int, media_time: float) -> None:
        """A frame and its time become known."""
        if self._anchor is None or media_time >= self._anchor.media_time:
            self._anchor = Anchor(stream_frame, media_time)
            self._holds = [held for held in self._holds if held > media_time]
            self._full = True

    def stall(self, media_time: float) -> None:
        """A chunk was late: the frame before `media_time` was held."""
        self._holds.append(media_time)

    def rate(self, rate: float) -> None:
        """The session runs at this share of the full rate now."""
        if rate != 1.0:
            self._full = False

    def stream_frame(self, media_time: float) -> int | None:
        """The frame that is shown from this media time on; None where it can not be known."""
        if self._anchor is None:
            return None
        frames = (media_time - self._anchor.media_time) * self._fps
        whole = round(frames)
        if whole == 0 and abs(frames) < NEAR:
            return self._anchor.stream_frame
        held = any(held <= media_time for held in self._holds)
        if not self._full or held or whole < 0 or abs(frames - whole) >= NEAR:
            return None
        return self._anchor.stream_frame + whole
