"""Any page: nothing is known of it but what it shows and sounds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from lightcone.bench.outside.page import WatchedPage
from lightcone.bench.outside.subject import Settings

KEY = "Space"


class Pixel:
    def __init__(self, settings: Settings) -> None:
        self.selector = settings.selector
        self._settings = settings

    @contextlib.asynccontextmanager
    async def opened(self, page: WatchedPage) -> AsyncIterator[Sequence[str]]:
        await page.goto(self._settings.url)
        for selector in self._settings.clicks:
            await page.click(selector)
        await page.until("document.querySelector('video, canvas, img')")
        yield self._settings.keys or (KEY,)

    async def details(self, page: WatchedPage) -> None:
        return None
