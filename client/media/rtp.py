"""From RTP packets to media time, whole pictures and a line of sound. Pure.

RTP timestamps are media time: `round(media_time * rate) mod 2**32`, with rate 90000 for
pictures and 48000 for sound (server/control/protocol.py).
"""

from __future__ import annotations

from dataclasses import dataclass

VIDEO_HZ = 90_000
SOUND_HZ = 48_000
CYCLE = 2**32
TOLERANCE_S = 0.002  # rounding of timestamps; far less than half a frame


@dataclass(frozen=True)
class Packet:
    """One RTP packet as it arrived. `data` is its payload without the codec's own RTP header,
    `arrived` seconds of the monotonic clock."""

    sequence: int
    timestamp: int
    marker: bool
    data: bytes
    arrived: float


@dataclass(frozen=True)
class Picture:
    """One encoded picture; `arrived` is when its last packet did."""

    media_time: float
    data: bytes
    arrived: float


class MediaTimes:
    """Media times of RTP timestamps that come in any order, each near the one before."""

    def __init__(self, rate: int, near: float = 0.0) -> None:
        """`near` is a media time less than half a cycle (6 hours and more) from the first."""
        self._rate = rate
        self._last = round(near * rate)

    def __call__(self, timestamp: int) -> float:
        """Seconds. Timestamps come round at 2**32; the nearest to the last is meant."""
        step = (timestamp - self._last + CYCLE // 2) % CYCLE - CYCLE // 2
        self._last += step
        return self._last / self._rate


class Assembler:
    """Packets in, whole pictures out: the packet with the marker bit ends one.

    After a gap in the sequence numbers nothing is whole until the next marker bit has passed.
    `lost` counts packets; one that comes after its successor is lost, too.
    """

    def __init__(self, times: MediaTimes) -> None:
        self.lost = 0
        self._times = times
        self._expected: int | None = None
        self._parts: list[bytes] = []
        self._broken = False

    def add(self, packet: Packet) -> Picture | None:
        gap = 0 if self._expected is None else (packet.sequence - self._expected) % 2**16
        if gap >= 2**15:
            return None
        self._expected = (packet.sequence + 1) % 2**16
        self.lost += gap
        self._broken |= gap > 0
        self._parts.append(packet.data)
        if not packet.marker:
            return None
        data, whole = b"".join(self._parts), not self._broken
        self._parts, self._broken = [], False
        return Picture(self._times(packet.timestamp), data, packet.arrived) if whole else None
