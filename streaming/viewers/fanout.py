"""Encoded media on its way to many viewers: one packet object, one short queue for each."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MediaPacket:
    """One encoded picture, or 20 ms of sound, cut into RTP payloads.

    `timestamp` is the RTP timestamp and `ntp` the wall-clock time at which that very moment of
    media time is due (RFC 3550 section 4, 32.32 fixed point). A `keyframe` can be understood
    without what went before; every sound packet can.
    """

    payloads: tuple[bytes, ...]
    timestamp: int
    ntp: int
    keyframe: bool


class PacketQueue:
    """Packets waiting for one viewer, first in first out, at most `limit`.

    It opens with a keyframe. One packet too many empties it and shuts it until the next
    keyframe: a slow viewer drops to that, and nobody else notices. Timestamps only grow, also from
    one encode of a picture to another one: a packet that is no later than the last is given the
    next timestamp.
    """

    def __init__(self, limit: int = 8) -> None:
        self.dropped = 0
        self.taken_payloads = 0
        self.taken_bytes = 0  # of these payloads
        self._limit = limit
        self._packets: deque[MediaPacket] = deque()
        self._last: int | None = None  # timestamp
        self._open = False
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def waits_for_keyframe(self) -> bool:
        return not self._open

    def shut(self) -> None:
        """A packet is missing: nothing more goes in until the next keyframe."""
        self._open = False

    def put(self, packet: MediaPacket) -> None:
        """Append a packet, or drop it (see above). Never waits."""
        if len(self._packets) >= self._limit:
            self.dropped += len(self._packets)
            self._packets.clear()
            self._filled.clear()
            self._open = False
        self._open = self._open or packet.keyframe
        if not self._open:
            self.dropped += 1
            return
        if self._last is not None and (packet.timestamp - self._last - 1) % 2**32 >= 2**31:
            packet = replace(packet, timestamp=(self._last + 1) % 2**32)
        self._last = packet.timestamp
        self._packets.append(packet)
        self._filled.set()

    async def get(self) -> MediaPacket:
        """The oldest packet; waits for one. For a single reader."""
        while not self._packets:  # an overflow may have emptied it again since it was filled
            await self._filled.wait()
        packet = self._packets.popleft()
        if not self._packets:
            self._filled.clear()
        self.taken_payloads += len(packet.payloads)
        self.taken_bytes += sum(map(len, packet.payloads))
        return packet
