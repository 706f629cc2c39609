"""A session that runs backwards: its viewers see older and older moments, in silence, while its
stream and its clock go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightcone.server.worker.sessions.history import History, Moment
from lightcone.streaming import MediaClock, Transmitter

EVERY_S = 0.25  # of media time, for about a second of world time


class Backwards:
    """From `now` on, until `stop`. `moment` is the one shown last; the oldest is shown again and
    again, as a stream without pictures looks stuck. `on_shown` is called with the world frame of
    each."""

    def __init__(
        self,
        now: Moment,
        history: History,
        clock: MediaClock,
        transmitter: Transmitter,
        on_shown: Callable[[int], None],
    ) -> None:
        self.moment = now
        self._picture = now.picture
        self._history = history
        self._clock = clock
        self._transmitter = transmitter
        self._on_shown = on_shown
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        transmitter.cut()
        self._next = transmitter.next_media_time  # when an older moment is to be seen
        self._forget_clock = clock.on_change(self._arm)
        self._arm()

    def stop(self) -> None:
        self._forget_clock()
        self._disarm()

    def _show_older(self) -> None:
        older = self._history.at(self.moment.frame - 1)
        if older is not None:
            self.moment = older
            if older.picture is not None:
                self._picture = older.picture
        if self._picture is not None:
            self._transmitter.still(self._picture)
        if older is not None:
            self._on_shown(older.frame)
        self._next += EVERY_S
        self._arm()

    def _arm(self) -> None:
        self._disarm()
        due = self._clock.due(self._next)
        if due < float("inf"):
            self._timer = self._loop.call_at(max(due, self._loop.time()), self._show_older)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
