"""The page of Lightcone: what it shows is found as anybody's, and held against its receipts."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from lightcone.bench.clients.control import control
from lightcone.bench.clients.session import new_session
from lightcone.bench.outside.page import WatchedPage
from lightcone.bench.outside.subject import Known, Settings

WARM_UP_FRAMES = 48


class Lightcone:
    """A session of its own, driven by the page."""

    def __init__(self, settings: Settings) -> None:
        self.selector = settings.selector or "video"
        self._settings = settings

    @contextlib.asynccontextmanager
    async def opened(self, page: WatchedPage) -> AsyncIterator[Sequence[str]]:
        settings = self._settings
        async with new_session(settings.url, settings.world, settings.seed) as entry:
            async with control(entry.control, "spectator") as onlooker:
                controls = onlooker.controls
            await page.goto(f"{settings.url}/?session={entry.id}")
            await page.until("lightcone.phase === 'live' && lightcone.role === 'driver'")
            await page.get("() => { document.querySelector('video').muted = false }")
            await page.until(f"lightcone.frames.length > {WARM_UP_FRAMES}")
            yield settings.keys or [each["keys"][0] for each in controls]

    async def details(self, page: WatchedPage) -> Sequence[Known]:
        return [
            Known(
                pressed=sample["pressedAt"],
                sent=sample["sentAt"],
                waited=sample.get("waitedMs"),
                made=sample.get("stepMs"),
                receipt=sample["receiptAt"],
                media_time=sample["mediaTime"],
            )
            for sample in await page.get("lightcone.samples")
        ]
