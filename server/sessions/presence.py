"""For how long nobody has been there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Presence:
    """Lives on the running event loop. `on_idle` is called when nobody has been there for
    `idle_s`, unless `expected` says that somebody is about to come: then it is asked again after
    the same time."""

    def __init__(
        self, idle_s: float, expected: Callable[[], bool], on_idle: Callable[[], None]
    ) -> None:
        self._idle_s = idle_s
        self._expected = expected
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def idle_s(self) -> float:
        """0 while somebody is there."""
        return 0.0 if self._since is None else self._loop.time() - self._since

    def note(self, *, occupied: bool) -> None:
        """Whether somebody is there now, or it does not matter any more."""
        if occupied:
            self._since = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._since is None:
            self._since = self._loop.time()
            self._timer = self._loop.call_later(self._idle_s, self._report)

    def _report(self) -> None:
        self._timer = None
        if self._expected():
            self._timer = self._loop.call_later(self._idle_s, self._report)
        else:
            self._on_idle()
