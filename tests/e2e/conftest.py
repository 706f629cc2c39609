"""One Chromium for each module, and visitors in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from e2e_page import Visitor
from playwright.sync_api import Browser, sync_playwright

from lightcone.bench.browser import launch_options


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    options = launch_options("--autoplay-policy=no-user-gesture-required")  # the sound has to play
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Callable[[], Visitor]]:
    """Lets a new visitor in; all leave at the end."""
    visitors: list[Visitor] = []

    def enter() -> Visitor:
        visitors.append(Visitor(chromium))
        return visitors[-1]

    yield enter
    for each in visitors:
        each.close()
