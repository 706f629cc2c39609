"""Where the next frame of a stream lies on media time."""

from __future__ import annotations

from fractions import Fraction

_GRID = 90_000  # parts of a second to which a moment from outside is rounded


class Timeline:
    """Numbers and exact media times of stream frames: each lasts 1 / (fps * rate) seconds."""

    def __init__(self, fps: int, stream_frame: int = 0, media_time: float = 0.0) -> None:
        self.frame = stream_frame
        self.time = Fraction(media_time).limit_denominator(_GRID)
        self.rate = Fraction(1)
        self._fps = fps

    @property
    def duration(self) -> Fraction:
        """How long the next frame lasts, in seconds."""
        return 1 / (self._fps * self.rate)

    def advance(self) -> None:
        """To the frame after the next one."""
        self.time += self.duration
        self.frame += 1

    def go_back(self, frame: int, time: Fraction) -> None:
        """Give that frame and that time once more: what had them was not sent."""
        self.frame, self.time = frame, time

    def skip_to(self, media_time: float) -> None:
        """Leave media time before `media_time` without frames."""
        self.time = max(self.time, Fraction(round(media_time * _GRID), _GRID))

    def set_rate(self, rate: Fraction) -> None:
        """The share of the full frame rate from the next frame on. Raises ValueError."""
        if not 0 < rate <= 1:
            raise ValueError(f"not a share of the frame rate: {rate}")
        self.rate = rate
