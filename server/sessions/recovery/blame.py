"""Which session brings its worker down. Sans-IO: times are monotonic seconds, given by the
caller.

A worker that is lost says nothing about why. Where only one session can have been the reason, it
has a strike; three strikes within a minute and it is not restored again. Where several can, nobody
has one, but from the second loss on they are restored one after the other, so that the next loss
names one. A worker that is lost again and again with nobody to blame takes all its sessions along.
"""

from __future__ import annotations

from collections.abc import Collection

STRIKES = 3
WITHIN_S = 60.0
MOST_LOSSES = 10


class Blame:
    """Of one worker and its successors."""

    def __init__(self) -> None:
        self._strikes: dict[str, list[float]] = {}
        self._losses: list[float] = []

    def lost(self, suspects: Collection[str], sessions: Collection[str], now: float) -> set[str]:
        """The worker is lost at `now`, and one of `suspects` was the reason if one of them was.
        Returns those of its `sessions` that are not to be restored."""
        self._losses = [at for at in self._losses if now - at < WITHIN_S] + [now]
        if len(suspects) == 1:
            [suspect] = suspects
            before = self._strikes.get(suspect, [])
            strikes = [at for at in before if now - at < WITHIN_S] + [now]
            self._strikes[suspect] = strikes
            if len(strikes) >= STRIKES:
                self.forget(suspect)
                self._losses.clear()
                return {suspect}
        if len(self._losses) >= MOST_LOSSES:
            self._losses.clear()
            return set(sessions)
        return set()

    def careful(self, now: float) -> bool:
        """Whether sessions are to be restored one after the other."""
        return sum(now - at < WITHIN_S for at in self._losses) > 1

    def forget(self, session: str) -> None:
        self._strikes.pop(session, None)
