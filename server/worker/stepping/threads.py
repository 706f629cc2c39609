"""Threads that compute, so that the loop never does. One whose call hangs can be left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

Post = Callable[[Callable[[], None]], None]
"""Has a function called on the loop, in the order of the calls, from any thread."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """What a call returned, and the seconds that it took."""

    result: T
    seconds: float


class Caller(Protocol):
    """Makes calls elsewhere, one after the other."""

    def call(self, function: Callable[[Post], T]) -> asyncio.Future[Done[T]]:
        """What `function` posts reaches the loop before its result does. Nothing of it does once
        the caller is closed."""
        ...

    def close(self) -> None:
        """No more calls. What is under way is left behind: its result is ignored."""
        ...


class Thread:
    """A `Caller` in a thread of its own, which ends with the process."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, function: Callable[[Post], T]) -> asyncio.Future[Done[T]]:
        future: asyncio.Future[Done[T]] = self._loop.create_future()

        def made() -> None:
            began = time.perf_counter()
            try:
                result = function(self._post)
            except Exception as error:
                self._post(lambda error=error: _settle(future, error))  # type: ignore[misc]
            else:
                done = Done(result, time.perf_counter() - began)
                self._post(lambda: _settle(future, done))

        self._calls.put(made)
        return future

    def close(self) -> None:
        self._closed = True
        self._calls.put(None)

    def _post(self, function: Callable[[], None]) -> None:
        if not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._unless_closed, function)

    def _unless_closed(self, function: Callable[[], None]) -> None:
        if not self._closed:
            function()

    def _run(self) -> None:
        while (made := self._calls.get()) is not None:
            made()


def _settle(future: asyncio.Future[Done[T]], outcome: Done[T] | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class Aside:
    """Makes calls beside the step path, `most` at once: models are opened, conditioning prepared,
    caches computed anew."""

    def __init__(self, most: int, new: Callable[[], Caller]) -> None:
        self._places = asyncio.Semaphore(most)
        self._new = new
        self._free: list[Caller] = []

    async def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Raises TimeoutError where it takes longer than `timeout_s` from its start; its thread is
        then left behind."""
        async with self._places:
            caller = self._free.pop() if self._free else self._new()
            try:
                async with asyncio.timeout(timeout_s):
                    done = await caller.call(lambda post: function())
            except TimeoutError as error:
                caller.close()
                raise TimeoutError(f"it took longer than {timeout_s:g} s") from error
            except asyncio.CancelledError:
                caller.close()
                raise
            except BaseException:
                self._free.append(caller)
                raise
            self._free.append(caller)
            return done.result
