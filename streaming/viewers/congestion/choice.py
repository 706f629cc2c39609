"""Which encode a viewer gets, and how many bits each encode has. Pure: `now` is monotonic."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

FAR_S, SLOW_S = 1.0, 6.0  # how long a line must be too thin, by how much
FAR, SHORT = 0.75, 0.95  # of what full sends
LOSSY, CALM = 0.06, 0.03  # share of packets lost, from which on and below which
BACK_S, LONGEST_BACK_S = 8.0, 240.0
PROVEN_S = 20.0  # who has to go back to thin before that has come up too early
LOWER, HIGHER, HIGHER_EVERY_S = 0.95, 1.25, 4.0
HEADROOM = 0.9


@dataclass(frozen=True)
class Bounds:
    """Bits a second that the two lanes of a session may have: what `most` is for the full one."""

    most: int

    @property
    def full(self) -> tuple[int, int]:
        return round(0.75 * self.most), self.most

    @property
    def thin(self) -> tuple[int, int]:
        return min(80_000, self.most // 2), round(0.6 * self.most)

    @property
    def lossy(self) -> int:
        """What a line that loses packets gets of thin: a picture is two or three packets."""
        return round(0.15 * self.most)


class LaneChoice:
    """Of one viewer.

    It goes to thin when its estimate has been below what full sends: for `FAR_S` where it is `FAR`
    below, for `SLOW_S` where it falls `SHORT`. So does a line with room enough that is `lossy`:
    a picture of many packets hardly comes through it whole, not even when all are sent twice. It
    comes back when its line has carried all that was tried, or what full sends, and is not lossy,
    for `BACK_S`; twice as long after each time that this was too early.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.thin = False
        self.lossy = False
        self._bounds = bounds
        self._since: float | None = None  # when the reason to move began
        self._back_s = BACK_S
        self._came_back = -math.inf

    def update(
        self, now: float, bits: float, tried: float, full_bits: float | None, loss: float = 0.0
    ) -> bool:
        """`bits` is the estimate, `tried` the most that it can be with what is sent, `full_bits`
        what full sends, None where nobody watches that, `loss` the share of packets that the line
        loses. Returns whether the viewer is to move."""
        self.lossy = loss >= (CALM if self.lossy else LOSSY)
        if full_bits is None:
            full_bits = self._bounds.full[0]
        if self.thin:
            carried = bits >= min(full_bits, tried) and not self.lossy
            moves = self._lasts(now, carried, self._back_s)
        else:
            gains = full_bits > 1.2 * self._bounds.thin[0]
            wait_s = FAR_S if bits < FAR * full_bits else SLOW_S
            short = gains and bits < SHORT * full_bits
            holes = self.lossy and full_bits > 1.2 * self._bounds.lossy
            moves = self._lasts(now, short or holes, wait_s)
        if moves:
            self._move(now)
        return moves

    def _lasts(self, now: float, reason: bool, seconds: float) -> bool:
        if not reason:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now >= self._since + seconds

    def _move(self, now: float) -> None:
        self._since = None
        self.thin = not self.thin
        if not self.thin:
            self._came_back = now
        elif now < self._came_back + PROVEN_S:
            self._back_s = min(2 * self._back_s, LONGEST_BACK_S)
        else:
            self._back_s = BACK_S


class LaneBitrate:
    """Of one lane: follows the slowest of those who watch it, at once down and in steps up, as
    each step may cost a keyframe."""

    def __init__(self, bounds: tuple[int, int], bits: float) -> None:
        self.low, self.high = bounds
        self.begin(bits)

    def begin(self, bits: float) -> None:
        """Somebody watches it again."""
        self.bits = min(max(int(bits), self.low), self.high)
        self._raised = -math.inf

    def follow(self, now: float, estimates: Iterable[float]) -> bool:
        """`estimates` are those of its viewers, bit/s. Returns whether the bitrate has changed."""
        wanted = min((int(HEADROOM * bits) for bits in estimates), default=self.bits)
        wanted = min(max(wanted, self.low), self.high)
        if wanted < LOWER * self.bits:
            self.bits = wanted
            return True
        steps = wanted >= HIGHER * self.bits or wanted == self.high > self.bits
        if steps and now >= self._raised + HIGHER_EVERY_S:
            self.bits, self._raised = wanted, now
            return True
        return False
