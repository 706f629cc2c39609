"""What a stream has sent, counted as it goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StreamStats:
    """Counts since the session began."""

    frames_sent: int = 0
    keyframes: int = 0
    packets_dropped: int = 0  # by slow viewers' queues, and those older than what was sent
