"""A real probe server and a real Chromium for the page's tests."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launch_options
from client_page import DemoPage
from playwright.sync_api import Browser, BrowserContext, sync_playwright


class ServerProcess:
    """`lightcone serve` with the probe world, on a port that stays the same over restarts."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        lightcone = str(Path(sys.executable).with_name("lightcone"))
        command = [lightcone, "serve", "--world", "probe", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        # It says where it serves once it does; a server that does not start says nothing more.
        said = self._process.stdout.readline().decode()
        assert self.url in said, f"the server did not start: {said!r}"

    def kill(self) -> None:
        """As a crash does: no goodbyes."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess()
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser; what it opened is closed at the end, so that the wheel is free."""
    visitor = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext, server: ServerProcess) -> DemoPage:
    """The page with the world on it, driven by this visitor."""
    page = DemoPage(context.new_page())
    page.open(server.url)
    page.until_live()
    page.until("lightcone.role === 'driver'")
    return page
