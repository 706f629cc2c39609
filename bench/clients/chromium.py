"""The page in real Chromium, driven by real key events through Playwright."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright

from lightcone.bench.browser import launch_options
from lightcone.bench.clients.progress import TooLate
from lightcone.bench.errors import BenchError

PATIENCE_MS = 30_000

# Notes when the browser's playout takes each packet of sound: pairs of RTP timestamp and
# milliseconds of performance.now(). There is no event for it (W3C WebRTC section 5.3.1,
# getSynchronizationSources), and a packet lasts 20 ms, so it is looked at every 5 ms; the
# moment is the browser's own, not that of the look.
TAP_PLAYOUT = """() => {
  const peers = []
  const taken = []
  let last = null
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...args) { super(...args); peers.push(this) }
  }
  const look = (source) => {
    if (source.rtpTimestamp === last) return
    last = source.rtpTimestamp
    taken.push([last, source.timestamp - performance.timeOrigin])
  }
  setInterval(() => {
    for (const peer of peers)
      for (const receiver of peer.getReceivers())
        if (receiver.track.kind === 'audio') receiver.getSynchronizationSources().forEach(look)
  }, 5)
  window.playout = taken
}"""


class ChromiumPage:
    """The page with a session on it. Times are milliseconds of the page's performance.now()."""

    def __init__(self, page: Page, version: str) -> None:
        self.version = version
        self._page = page

    async def open(self, url: str, session: str) -> None:
        """Until this visitor drives and sees the session, with sound. Raises BenchError."""
        await self._page.add_init_script(f"({TAP_PLAYOUT})()")
        answer = await self._page.goto(f"{url}/?session={session}")
        if answer is None or not answer.ok:
            raise BenchError(f"no page at {url}: is client-demo built?")
        await self.until("lightcone.phase === 'live' && lightcone.role === 'driver'")
        await self._page.evaluate("() => { document.querySelector('video').muted = false }")

    async def key_down(self, code: str) -> None:
        await self._page.keyboard.down(code)

    async def key_up(self, code: str) -> None:
        await self._page.keyboard.up(code)

    async def until(self, condition: str, patience_ms: float = PATIENCE_MS) -> None:
        """A JavaScript expression over `window.lightcone` and `playout`. Raises TooLate."""
        try:
            await self._page.wait_for_function(condition, timeout=patience_ms)
        except PlaywrightError as error:
            raise TooLate(f"the page did not come to: {condition}") from error

    async def get(self, expression: str) -> Any:
        return await self._page.evaluate(expression)


@dataclass(frozen=True)
class Browser:
    """Which Chromium: `program`, or the one on PATH, or Playwright's own; with these arguments of
    its own besides the usual ones."""

    program: str | None = None
    arguments: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def browser_page(chromium: Browser) -> AsyncIterator[tuple[Page, str]]:
    """A page of a fresh browser, and the browser's version. Raises BenchError."""
    # the sound has to play
    options = launch_options("--autoplay-policy=no-user-gesture-required", *chromium.arguments)
    if chromium.program is not None:
        options["executable_path"] = chromium.program
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(**options)
        except PlaywrightError as error:
            reason = str(error).splitlines()[0]
            raise BenchError(
                f"no Chromium (`python -m lightcone.bench.browser_setup` gets one): {reason}"
            ) from error
        # conditions are expressions that Playwright evaluates in the page
        page = await browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
        page.set_default_timeout(PATIENCE_MS)
        try:
            yield page, browser.version
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def chromium_page() -> AsyncIterator[ChromiumPage]:
    """Raises BenchError."""
    async with browser_page(Browser()) as (page, version):
        yield ChromiumPage(page, version)
