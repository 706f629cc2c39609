"""Waiting for something to become true, woken by callbacks instead of looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightcone.bench.errors import BenchError


class TooLate(BenchError):
    """It has not come in time."""


class Progress:
    def __init__(self) -> None:
        self._news = asyncio.Event()

    def notify(self) -> None:
        """Something has changed."""
        self._news.set()

    async def until(self, done: Callable[[], bool], what: str, patience_s: float = 20.0) -> None:
        """Raises TooLate when `what` has not come in time."""
        try:
            async with asyncio.timeout(patience_s):
                while not done():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise TooLate(f"waited {patience_s:g} s for {what}") from error
