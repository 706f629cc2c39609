"""The mean strength of one axis between two samples. Sans-IO: times are seconds, given by the
caller.

A strength lasts until the next one. How long it lasted, the client's clock knows best: messages
may wait on the way and arrive together, and what each of them moved must neither be lost nor
count twice. Until the next message comes our own clock stands in, and is put right by it.
"""

from __future__ import annotations

JITTER_S = 0.25  # clocks that disagree by more are not believed


class AxisMean:
    def __init__(self, now: float) -> None:
        self._strength = 0.0
        self._arrived = now  # when it was told, by our clock and by the client's
        self._told = 0.0
        self._moved = 0.0  # strength times seconds, up to the last message
        self._sampled = 0.0  # what samples have been given of it
        self._sampled_at = now

    def move(self, strength: float, now: float, told: float) -> None:
        """`strength` from now on; the client told it at `told` of its own clock."""
        ours, theirs = now - self._arrived, told - self._told
        lasted = theirs if theirs > 0 and abs(theirs - ours) < JITTER_S else ours
        self._moved += self._strength * lasted
        self._strength, self._arrived, self._told = strength, now, told

    def sample(self, now: float) -> float:
        """The mean since the last sample."""
        moved = self._moved + self._strength * (now - self._arrived)
        passed = now - self._sampled_at
        mean = (moved - self._sampled) / passed if passed > 0 else self._strength
        self._sampled, self._sampled_at = moved, now
        return mean
