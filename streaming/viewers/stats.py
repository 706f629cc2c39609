"""What a stream has sent, counted as it goes."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class StreamStats:
    """Counts since the session began. Packets are those of RTP, to all viewers together; bytes are
    their payload; what is sent once more because it was lost, or may be, does not count."""

    frames_sent: int = 0
    keyframes: int = 0
    picture_packets: int = 0
    picture_bytes: int = 0
    sound_packets: int = 0
    sound_bytes: int = 0
    dropped_slow: int = 0  # pictures and sounds, by the queues of slow viewers
    dropped_old: int = 0  # pictures and sounds that were older than what was sent
    dropped_unsent: int = 0  # packets, as the socket to a viewer had too much to send already
    picture_repeats: int = 0  # packets that were sent twice, to viewers whose line loses some
    moved_to_thin: int = 0  # viewers, each time
    moved_to_full: int = 0

    def __add__(self, other: StreamStats) -> StreamStats:
        return StreamStats(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))
