"""Waiting for something to become true, woken by whoever changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightcone.client.errors import Late


class News:
    """For one event loop. Any number may wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Something has changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, done: Callable[[], bool], what: str, patience_s: float) -> None:
        """`done` may raise. Raises Late when `what` has not come in `patience_s` seconds."""
        try:
            async with asyncio.timeout(patience_s):
                while not done():
                    await self._changed.wait()
        except TimeoutError as error:
            raise Late(f"waited {patience_s:g} s for {what}") from error
