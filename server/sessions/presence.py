"""For how long nobody has taken part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_EARLY_S = 1e-6  # by which a timer of the event loop may fire too early, and more


class Presence:
    """Lives on the running event loop. Who watches is there; who only controls is there whenever
    a message comes. `on_idle` is called when nobody has been there for `idle_s`; once more so long
    after, if `expected` says then that somebody is about to come. Who does not come in that time
    can not put it off again."""

    def __init__(
        self, idle_s: float, expected: Callable[[], bool], on_idle: Callable[[], None]
    ) -> None:
        self._idle_s = idle_s
        self._expected = expected
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._put_off = False
        self._timer: asyncio.TimerHandle | None = None

    def idle_s(self) -> float:
        """0 while somebody is there."""
        return 0.0 if self._since is None else self._loop.time() - self._since

    def note(self, *, occupied: bool) -> None:
        """Whether somebody watches now, or it does not matter any more."""
        if occupied:
            self._since = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._since is None:
            self._begin()

    def touch(self) -> None:
        """Somebody takes part."""
        if self._since is not None:
            self._begin()

    def _begin(self) -> None:
        self._since = self._loop.time()
        self._put_off = False
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_s, self._report)

    def _report(self) -> None:
        self._timer = None
        left = self._idle_s - self.idle_s()
        over = left <= _EARLY_S
        if over and (self._put_off or not self._expected()):
            self._on_idle()
            return
        self._put_off = over
        self._timer = self._loop.call_later(self._idle_s if over else left, self._report)
