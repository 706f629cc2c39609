"""HTTP connections that are let go unless their request comes in time.

uvicorn times a connection between two requests, not before its first byte nor while the head of a
request comes: so many silent connections would be all that it takes.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT_S = 10.0  # from the first moment of a wait to the whole head of a request


class Connection(H11Protocol):
    """Lives on the running event loop."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._time_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _time_head(self) -> None:
        """A request that is there is timed by who reads its body."""
        if self.transport.is_closing() or not self._waits():
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _waits(self) -> bool:
        """Whether no request is being answered, nor has the connection become a websocket."""
        ours = self.transport.get_protocol() is self
        return ours and (self.cycle is None or self.cycle.response_complete)

    def _give_up(self) -> None:
        self._deadline = None
        if self._waits():
            self.transport.close()

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
