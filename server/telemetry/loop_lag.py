"""How late the event loop comes to what is due."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

EVERY_S = 0.01
WINDOW_S = 30.0


class LoopLag:
    """Sets a timer every 10 ms and notes by how much each is late; of the last half minute.
    uvloop's timers have a resolution of 1 ms, so up to that much is always there."""

    def __init__(self, note: Callable[[float], None] = lambda late_s: None) -> None:
        """`note` is called with each, seconds."""
        self._note = note
        self._late: deque[float] = deque(maxlen=round(WINDOW_S / EVERY_S))
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """On the running event loop."""
        loop = asyncio.get_running_loop()
        self._set(loop, loop.time() + EVERY_S)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def p50_ms(self) -> float:
        return self._quantile(0.5)

    @property
    def p99_ms(self) -> float:
        return self._quantile(0.99)

    def _quantile(self, share: float) -> float:
        """Milliseconds; 0 before the first sample."""
        late = sorted(self._late)
        return round(1000 * late[int(share * (len(late) - 1))], 2) if late else 0.0

    def _set(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._timer = loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        late = max(now - due, 0.0)
        self._late.append(late)
        self._note(late)
        # a late moment is one sample: what was missed is not made up for
        self._set(loop, max(due, now) + EVERY_S)
