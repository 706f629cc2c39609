"""Sound on its way out of a session: what is to be encoded, and what waits until it is due."""

from __future__ import annotations

from collections import deque

from lightcone.streaming.encoding.sound import FrameSound, SoundEncoder, SoundPacket


class SoundLane:
    """The part of the sound's way that the event loop sees. `encoder` belongs to the encoding
    thread."""

    def __init__(self, encoder: SoundEncoder) -> None:
        self.encoder = encoder
        self.busy = False  # an encode is under way
        self._unfed: list[FrameSound] = []
        self._ready: deque[SoundPacket] = deque()

    @property
    def next_packet(self) -> SoundPacket | None:
        return self._ready[0] if self._ready else None

    def add(self, sound: FrameSound) -> None:
        self._unfed.append(sound)

    def take_unfed(self) -> list[FrameSound]:
        unfed, self._unfed = self._unfed, []
        return unfed

    def encoded(self, packets: list[SoundPacket]) -> None:
        self._ready.extend(packets)

    def take_next(self) -> SoundPacket:
        return self._ready.popleft()
