"""What encoding has done and what it costs."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass
class TransmitterStats:
    """Counts since the transmitter began."""

    frames_shown: int = 0
    frames_skipped: int = 0  # overtaken by a newer picture before they could be encoded
    keyframes: int = 0
    sounds_dropped: int = 0  # packets that came too late to be heard
    busy_s: float = 0.0  # that the encoding thread has worked for this session

    def __add__(self, other: TransmitterStats) -> TransmitterStats:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return TransmitterStats(*(a + b for a, b in pairs))
