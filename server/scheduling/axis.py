"""The mean strength of one axis between two samples. Sans-IO: times are seconds, given by the
caller.

A strength lasts until the next one. How long it lasted, the client's clock knows best: messages
may wait on the way and arrive together, and what each of them moved must neither be lost nor
count twice. Until the next message comes our own clock stands in, and is put right by it.
"""

from __future__ import annotations

import math

JITTER_S = 0.25  # clocks that disagree by more are not believed


class AxisMean:
    """Samples are from `low` to `high`; what is beyond, the next ones are given."""

    def __init__(self, low: float, high: float, now: float) -> None:
        self._low, self._high = low, high
        self._strength = 0.0
        self._arrived = now  # when the last message came, and was sent by the client's clock
        self._sent = math.nan  # before the first message, which no clock agrees with
        self._moved = 0.0  # strength times seconds, up to the last message
        self._sampled = 0.0  # what samples have been given of it
        self._sampled_at = now

    def move(self, strength: float, now: float, sent: float) -> None:
        """`strength` from now on; the client sent it at `sent` of its own clock."""
        ours, theirs = now - self._arrived, sent - self._sent
        believed = abs(theirs - ours) < JITTER_S
        lasted = theirs if believed and theirs > 0 else ours
        self._moved += self._strength * lasted
        # A clock that stands or steps back a little has not undone the time that we counted.
        self._sent = self._sent + lasted if believed else sent
        self._strength, self._arrived = strength, now

    def sample(self, now: float) -> float:
        """The mean since the last sample."""
        moved = self._moved + self._strength * (now - self._arrived)
        passed = now - self._sampled_at
        if passed <= 0:
            return self._strength
        mean = min(max((moved - self._sampled) / passed, self._low), self._high)
        # A client whose clock runs ahead must not go on moving for long after it has stopped.
        given, most = self._sampled + mean * passed, max(-self._low, self._high) * JITTER_S
        self._sampled = min(max(given, moved - most), moved + most)
        self._sampled_at = now
        return mean
