"""What waits to be sent to one control client: bounded, so that a slow reader costs nothing.

A status that has not been sent yet is replaced by a newer one. Everything else is kept in
order; when too much of it waits the client is hopelessly behind and is let go.
"""

from __future__ import annotations

import asyncio
from collections import deque

from lightcone.server.control.protocol import (
    CLOSE_TOO_SLOW,
    CloseCode,
    Error,
    ErrorCode,
    Message,
    Status,
    encode,
)

MAX_WAITING = 1024


class Goodbye(Exception):
    """Close the connection with `code`, after an Error if there is one."""

    def __init__(self, code: CloseCode, error: Error | None = None, reason: str = "") -> None:
        super().__init__(reason or (error.message if error else ""))
        self.code = code
        self.error = error


def fatal(code: ErrorCode, close: CloseCode, message: str) -> Goodbye:
    return Goodbye(close, Error(code=code, message=message, fatal=True))


class Outbox:
    """`goodbye` is set once nothing more is to be sent than what waits."""

    def __init__(self) -> None:
        self.goodbye: Goodbye | None = None
        self.ended = asyncio.Event()
        self._waiting: deque[Message] = deque()
        self._status: Status | None = None
        self._wake = asyncio.Event()

    def put(self, message: Message) -> None:
        """Never blocks. After the goodbye, everything is dropped."""
        if self.goodbye is not None:
            return
        if isinstance(message, Status):
            self._status = message
        elif len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            self._status = None
            self.hang_up(Goodbye(CLOSE_TOO_SLOW, reason="too many messages were not read"))
        else:
            self._waiting.append(message)
        self._wake.set()

    def hang_up(self, goodbye: Goodbye) -> None:
        """The connection ends after what waits; the first goodbye counts."""
        if self.goodbye is None:
            self.goodbye = goodbye
            self.ended.set()
            self._wake.set()

    async def wait(self) -> None:
        """Until `take` has something, or there is a goodbye."""
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
