"""The Chromium that benchmarks and tests run in."""

from __future__ import annotations

import shutil
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What a Chromium is called on PATH, best first."""

ARGUMENTS = (
    "--no-sandbox",  # it runs as root in containers
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium_on_path() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def launch_options(*more: str) -> dict[str, Any]:
    """Keyword arguments for Playwright's `chromium.launch`; `more` are further arguments of
    Chromium itself.

    Without a Chromium on PATH, Playwright takes the browser that it installed itself.
    """
    path = chromium_on_path()
    own = {} if path is None else {"executable_path": path}
    return {"args": [*ARGUMENTS, *more], "headless": True, **own}
