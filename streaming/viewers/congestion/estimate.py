"""What the line of one viewer carries, from what the viewer reports. Pure: `now` is monotonic."""

from __future__ import annotations

from lightcone.streaming.viewers.congestion.feedback import Limit, Reception

WINDOW_S = 1.0  # over which losses are counted: a report alone may be about five packets
LOSS_LOW, LOSS_HIGH = 0.05, 0.15
SUDDEN_LOSS = 0.3  # so much in one window is no accident
GROWTH = 1.08  # a second
TRIED, ALLOWANCE = 1.5, 50_000  # beyond what is sent
DROP = 0.97  # of the limit before: the receiver has found its line overused
RISE = 1.005  # in a window: it has not
OPEN = 1.2  # times what is sent: the limit is not the line's, but that nothing more was tried
LOWEST = 10_000


class BandwidthEstimate:
    """`bits` is the estimate, bit/s of RTP payload of the picture.

    As in Google congestion control (draft-ietf-rmcat-gcc-02): losses lower it and their absence
    raises it (section 6), and a receiver that sees its queueing delay grow says how much comes
    through (REMB). Differences: loss counts from 5 and 15 % on, not 2 and 10 %, as what is lost is
    sent again; a REMB below what is sent only counts once the receiver has lowered it, as one that
    was never lowered is low because little was sent; and what was sent in a second in which little
    was lost and the receiver raised its REMB, the line does carry, whatever stood still for a
    moment before.
    """

    def __init__(self, bits: float) -> None:
        self.bits = bits
        self.sent_bits = 0.0  # a second, in the last window; 0 before the first
        self.loss = 0.0  # share of packets, smoothed
        self._window: tuple[float, Reception, int] | None = None  # began, with what
        self._limit: int | None = None  # the last
        self._limit_before: int | None = None  # at the beginning of the window
        self._ceiling: float | None = None

    @property
    def tried(self) -> float:
        """How much can be known from what was sent: more than this was not tried."""
        return TRIED * self.sent_bits + ALLOWANCE

    @property
    def overused(self) -> bool | None:
        """Whether the receiver has lowered its limit; None where it has named none."""
        return None if self._limit is None else self._ceiling is not None

    def received(self, now: float, report: Reception, sent_bytes: int) -> bool:
        """`sent_bytes` is the payload of all that was sent to the viewer. Returns whether this
        ended a window, in which something was sent: the estimate is new then."""
        if self._window is None:
            self._window = now, report, sent_bytes
            return False
        began, first, first_bytes = self._window
        seconds = now - began
        packets = (report.highest - first.highest) & 0xFFFF
        if seconds < WINDOW_S or (packets == 0 and sent_bytes > first_bytes):
            return False
        self._window = now, report, sent_bytes
        if packets == 0 or packets >= 0x8000:  # nothing was sent; an old report
            return False
        self.sent_bits = 8 * (sent_bytes - first_bytes) / seconds
        loss = min(max(report.lost - first.lost, 0) / packets, 1.0)
        self.loss = loss if loss > SUDDEN_LOSS else (self.loss + loss) / 2
        self._adapt(min(seconds, 2 * WINDOW_S), loss)
        return True

    def limited(self, report: Limit) -> None:
        """A REMB."""
        if not self.sent_bits:  # nothing to compare it with yet
            return
        before = self._limit
        if before is None:  # the first is what comes through, unless it was lowered already
            before = int(0.8 * self.sent_bits)
        self._limit = report.bits
        if report.bits < DROP * before:
            self._ceiling = report.bits
            self.bits = max(min(self.bits, report.bits), LOWEST)
        elif self._ceiling is not None:
            self._ceiling = report.bits if report.bits < OPEN * self.sent_bits else None

    def begin_anew(self) -> None:
        """What is sent has changed: what is reported next is still about what was sent before."""
        self._window = None
        self.loss = 0.0

    def _adapt(self, seconds: float, loss: float) -> None:
        """After a window with this share of packets lost."""
        if self.loss > LOSS_HIGH:
            self.bits = min(self.bits, self.sent_bits * (1 - loss))
        elif self.loss < LOSS_LOW:
            if self._passes():
                self.bits = max(self.bits, self.sent_bits)
                self._ceiling = None
            grown = min(self.bits * GROWTH**seconds, self.tried)
            if self._ceiling is not None:
                grown = min(grown, self._ceiling)
            self.bits = max(self.bits, grown)
        self.bits = max(self.bits, LOWEST)
        self._limit_before = self._limit

    def _passes(self) -> bool:
        """Whether what was sent in this window has come through without a growing delay."""
        if self._limit is None or self._limit >= self.sent_bits:
            return True
        return self._limit_before is not None and self._limit >= RISE * self._limit_before
