"""A page in Chromium that is watched from outside."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from lightcone.bench.clients.chromium import PATIENCE_MS, Browser, browser_page
from lightcone.bench.errors import BenchError
from lightcone.bench.outside.recording import Recording, recording

PART = 500  # pictures that are handed over at once, about 1 MB
WATCHER = files("lightcone.bench.outside").joinpath("watch.js")


class WatchedPage:
    """A page before and while it is measured. Moments are its performance.now() in milliseconds."""

    def __init__(self, page: Page, browser: str) -> None:
        self.browser = browser
        self._page = page

    async def goto(self, url: str) -> None:
        """Raises BenchError."""
        try:
            answer = await self._page.goto(url)
        except PlaywrightError as error:
            raise BenchError(f"no page at {url}: {_first_line(error)}") from error
        if answer is not None and not answer.ok:
            raise BenchError(f"no page at {url}: HTTP {answer.status}")

    async def click(self, selector: str) -> None:
        """Raises BenchError where it does not come to be there."""
        try:
            await self._page.click(selector)
        except PlaywrightError as error:
            raise BenchError(f"nothing to click at '{selector}': {_first_line(error)}") from error

    async def until(self, condition: str, patience_ms: float = PATIENCE_MS) -> None:
        """A JavaScript expression. Raises BenchError where it does not come to be true."""
        try:
            await self._page.wait_for_function(condition, timeout=patience_ms)
        except PlaywrightError as error:
            raise BenchError(f"the page did not come to: {condition}") from error

    async def get(self, expression: str) -> Any:
        return await self._page.evaluate(expression)

    async def watch(self, selector: str | None) -> str:
        """From now on; returns the name of the element. Raises BenchError where there is no
        picture, or none that scripts may read (of another origin, without CORS)."""
        try:
            name: str | None = await self._page.evaluate("bench.watch", selector)
        except PlaywrightError as error:
            raise BenchError(f"the picture can not be read: {_first_line(error)}") from error
        if name is None:
            raise BenchError(f"the page has no {selector or 'video, canvas or image'}")
        await self.until("bench.seen > 2")
        return name

    async def now(self) -> float:
        moment: float = await self._page.evaluate("bench.now")
        return moment

    async def key_down(self, code: str) -> None:
        await self._page.keyboard.down(code)

    async def key_up(self, code: str) -> None:
        await self._page.keyboard.up(code)

    async def received(self) -> dict[str, dict[str, float]]:
        """WebRTC's counters so far, by kind of media; empty where the page has no WebRTC."""
        found: dict[str, dict[str, float]] = await self._page.evaluate("bench.received()")
        return found

    async def recording(self) -> Recording:
        """Of everything since `watch`."""
        parts: list[dict[str, Any]] = []
        while not parts or len(parts[-1]["frames"]) == PART:
            parts.append(await self._page.evaluate(f"bench.take({PART})"))
        return recording(parts)


@contextlib.asynccontextmanager
async def watched_page(browser: Browser) -> AsyncIterator[WatchedPage]:
    """In a fresh browser. Raises BenchError."""
    async with browser_page(browser) as (page, version):
        await page.add_init_script(WATCHER.read_text())
        yield WatchedPage(page, version)


def _first_line(error: PlaywrightError) -> str:
    return str(error).splitlines()[0]
