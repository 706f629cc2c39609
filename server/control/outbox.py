"""What waits to be sent to one control client: bounded, so that a slow reader costs nothing.

A status that has not been sent yet is replaced by a newer one. Everything else is kept in
order; when too much of it waits the client is hopelessly behind and the outbox overflows.
"""

from __future__ import annotations

import asyncio
from collections import deque

from lightcone.server.control.protocol import (
    Message,
    Status,
    encode,
)

MAX_WAITING = 1024


class Outbox:
    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self._status: Status | None = None
        self._wake = asyncio.Event()
        self.overflowed = asyncio.Event()

    def put(self, message: Message) -> None:
        """Never blocks. Once overflowed, everything is dropped."""
        if self.overflowed.is_set():
            return
        if isinstance(message, Status):
            self._status = message
        elif len(self._waiting) >= MAX_WAITING:
            self.overflowed.set()
            self._waiting.clear()
            self._status = None
        else:
            self._waiting.append(message)
        if self._waiting or self._status is not None:
            self._wake.set()

    async def wait(self) -> None:
        """Until `take` has something."""
        await self._wake.wait()

    def take(self) -> list[bytes]:
        """Everything that waits, encoded, a status last."""
        self._wake.clear()
        out = [encode(message) for message in self._waiting]
        self._waiting.clear()
        if self._status is not None:
            out.append(encode(self._status))
            self._status = None
        return out
