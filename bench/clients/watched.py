"""What one viewer saw of its session over a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from lightcone.client.media.rtp import Picture


@dataclass(frozen=True)
class Rate:
    """`fps` pictures a second arrived; `missing` is the share of frames that never came, `held`
    the share of time by which media time fell behind the clock; `frozen_s` the longest time
    without a picture; `kbit_s` what its pictures took."""

    fps: float
    missing: float
    held: float
    frozen_s: float = 0.0
    kbit_s: float = 0.0

    def full(self, tolerance: float) -> bool:
        return self.missing <= tolerance and self.held <= tolerance


@dataclass
class Watched:
    """Pictures by arrival, without repetitions, as keyframes for others are."""

    fps: int
    arrived: list[float] = field(default_factory=list)
    media: list[float] = field(default_factory=list)
    bytes: int = 0

    def see(self, picture: Picture) -> None:
        self.bytes += len(picture.data)
        if not self.media or picture.media_time > self.media[-1] + 0.25 / self.fps:
            self.media.append(picture.media_time)
            self.arrived.append(picture.arrived)

    def clear(self) -> None:
        self.media.clear()
        self.arrived.clear()
        self.bytes = 0

    @property
    def missing(self) -> int:
        """Frames that never came, between the first and the last that did."""
        if not self.media:
            return 0
        frames = round((self.media[-1] - self.media[0]) * self.fps) + 1
        return frames - len(self.media)

    def rate(self, began: float, ended: float) -> Rate:
        """Over this span of the monotonic clock, in which everything in here arrived."""
        seconds = ended - began
        moments = [began, *self.arrived, ended]
        frozen_s = max(after - before for before, after in pairwise(moments))
        if len(self.media) < 2:
            return Rate(0.0, 1.0, 1.0, round(frozen_s, 3))
        shown = self.media[-1] - self.media[0] + 1 / self.fps
        return Rate(
            fps=round(len(self.media) / seconds, 2),
            missing=round(self.missing / (seconds * self.fps), 4),
            # the ends of the span fall between two frames
            held=round(max(seconds - shown - 1 / self.fps, 0.0) / seconds, 4),
            frozen_s=round(frozen_s, 3),
            kbit_s=round(8 * self.bytes / 1000 / seconds, 1),
        )
