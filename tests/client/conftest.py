"""A real probe server and a real Chromium for the page's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from client_page import PATIENCE_MS, DemoPage
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from serving import Served

from lightcone.bench.browser import launch_options

OBSERVED = {"bypass_csp": True}  # by expressions that Playwright evaluates in the page

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Served:
    """One that tests may kill and start again. Whoever leaves has left the wheel soon."""
    return serve("--probe-compute-ms", "5", "--grace-s", "0.5")


@pytest.fixture(scope="module")
def pair(serve: Callable[..., Served]) -> Served:
    """One with two worlds to choose from, and room for one at a time."""
    return serve("--probe-compute-ms", "5", "--max-sessions", "1", worlds="probe,probe-wide")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser; what it opened is closed at the end."""
    visitor = chromium.new_context(viewport={"width": 1280, "height": 800}, **OBSERVED)
    yield visitor
    visitor.close()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser on a phone."""
    visitor = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, **OBSERVED
    )
    yield visitor
    visitor.close()


@pytest.fixture
def others(chromium: Browser) -> Iterator[Callable[[], DemoPage]]:
    """Lets other visitors in, each with a browser of their own; all leave at the end."""
    contexts: list[BrowserContext] = []

    def enter() -> DemoPage:
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}, **OBSERVED))
        return DemoPage(contexts[-1].new_page())

    yield enter
    for each in contexts:
        each.close()


@pytest.fixture
def page(context: BrowserContext, server: Served) -> DemoPage:
    """The page with a new session on it, driven by this visitor."""
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    return page
