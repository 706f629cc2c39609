"""The server's end of the connection to a worker: requests out, replies and other messages in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from lightcone.server.worker.errors import RequestTimedOut, WorkerLost, error_of
from lightcone.server.worker.messages import (
    Conditioned,
    Failed,
    Frames,
    Message,
    OfSession,
    Opened,
    Pong,
    Ready,
    Refused,
    Reply,
    Rewound,
    Saved,
    Stats,
    WorldOpened,
    decode_from_worker,
    encode,
)

# The worker gives up what takes too long by itself, also what waits for others of its session.
REPLY_TIMEOUT_S = 180.0

R = TypeVar("R", WorldOpened, Opened, Conditioned, Rewound, Saved, Pong)


class Link(asyncio.Protocol):
    """Lives on the running event loop, which need not know what the bytes cross."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[Ready | Refused] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.on_message: Callable[[OfSession | Stats], None] | None = None
        self._loop = loop
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._next = 0
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            message = decode_from_worker(frame)
            match message:
                case Ready() | Refused():
                    _settle(self.first, message)
                case Failed(request):
                    self._answer(request, error_of(message))
                case WorldOpened() | Opened() | Conditioned() | Rewound() | Saved() | Pong():
                    self._answer(message.request, message)
                case _:
                    if self.on_message is not None:
                        self.on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        gone = WorkerLost("the worker process has ended unexpectedly")
        self._transport = None
        _settle(self.first, gone)
        for reply in self._replies.values():
            _settle(reply, gone)
        self._replies.clear()
        _settle(self.lost, None)

    def send(self, message: Message) -> None:
        """Does nothing once the worker is lost."""
        if self._transport is not None:
            self._transport.write(encode(message))

    async def request(
        self, make: Callable[[int], Message], kind: type[R], timeout_s: float = REPLY_TIMEOUT_S
    ) -> R:
        """Send a request; its reply, which is of this kind. Raises what `error_of` makes of a
        failure, RequestTimedOut, and WorkerLost."""
        if self._transport is None:
            raise WorkerLost("the worker process is not running")
        self._next += 1
        number = self._next
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self._replies[number] = reply
        try:
            self.send(make(number))
            async with asyncio.timeout(timeout_s):
                answer = await reply
        except TimeoutError as error:
            raise RequestTimedOut(f"the worker did not answer in {timeout_s:g} s") from error
        finally:
            self._replies.pop(number, None)
        assert isinstance(answer, kind)
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _answer(self, request: int, result: Reply | Exception) -> None:
        if (reply := self._replies.get(request)) is not None:
            _settle(reply, result)


def _settle(future: asyncio.Future[Any], result: object) -> None:
    """Set the result or exception, unless whoever waited has given up."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        future.exception()  # nobody has to be waiting
    else:
        future.set_result(result)
