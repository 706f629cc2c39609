"""Make sure that there is a Chromium, and say which: `python -m lightcone.bench.browser_setup`.

The first of: one on PATH; the one that Playwright installed before; Debian's package, as root;
Playwright's download. Prints one line, or exits with 1 where none can be had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from lightcone.bench.browser import chromium_on_path


def playwrights_own() -> str | None:
    """The browser that Playwright has installed, or None."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def from_debian() -> str | None:
    """Install Debian's chromium, where this is root on Debian or a relative."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL).returncode:
            return None
    return chromium_on_path()


def downloaded() -> str | None:
    """Let Playwright download its Chromium."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return playwrights_own() if subprocess.run(command).returncode == 0 else None


def sources() -> Iterator[tuple[str, Callable[[], str | None]]]:
    yield "on PATH", chromium_on_path
    yield "Playwright's own", playwrights_own
    yield "installed from Debian", from_debian
    yield "downloaded by Playwright", downloaded


def main() -> int:
    for where, find in sources():
        path = find()
        if path is not None:
            print(f"browser: {path} ({where})")
            return 0
    print(
        "browser: no Chromium, and none could be installed: put chromium or google-chrome on PATH",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
