"""Whose fault it was that a batch failed, hung or was slow. Sans-IO.

Each of its sessions is stepped alone until that is known. Who fails alone is over; who hangs or is
slow alone is guilty, and stays alone until it has done better for a while.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from statistics import median
from typing import Generic, TypeVar

GOOD = 20  # chunks in time that make a guilty session, or one of unknown guilt, trusted again
PROBES = 3  # chunks of each member after which slow ones are known
SLOW = 2.0  # times what the fastest takes

M = TypeVar("M", bound=Hashable)


class Trial(Generic[M]):
    """Of the members of one batch. With `slow` the batch was slow; otherwise it failed or hung."""

    def __init__(self, members: Iterable[M], *, slow: bool = False) -> None:
        self._seconds: dict[M, list[float]] = {member: [] for member in members}
        self._guilty: set[M] = set()
        self._decided = False
        self._slow = slow
        self._limit_s = float("inf")

    def convict(self, member: M) -> None:
        """It has hung or failed alone. The count of its good chunks begins anew."""
        self._guilty.add(member)
        self._seconds[member].clear()
        self._decided = True

    def leave(self, member: M) -> None:
        """It is over, whosever fault it was."""
        self._seconds.pop(member, None)
        self._decide()

    def made(self, member: M, seconds: float) -> bool:
        """It has made a chunk alone. Whether it may be stepped with others again."""
        if member in self._guilty and seconds > self._limit_s:
            self._seconds[member].clear()
            return False
        self._seconds[member].append(seconds)
        self._decide()
        if member in self._guilty or not self._decided:
            return len(self._seconds[member]) >= GOOD
        return True

    def _decide(self) -> None:
        if self._decided or not self._slow or not self._seconds:
            return
        if min(map(len, self._seconds.values())) < PROBES:
            return
        usual = {member: median(seconds) for member, seconds in self._seconds.items()}
        self._limit_s = SLOW * min(usual.values())
        self._guilty = {member for member, each in usual.items() if each > self._limit_s}
        for member in self._guilty:
            self._seconds[member].clear()
        self._decided = True
