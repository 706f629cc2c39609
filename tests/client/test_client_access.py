"""The page for everybody: axe-core finds nothing, all fits when enlarged, nothing moves for who
wants no motion, and phases are announced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client_page import DemoPage
from playwright.sync_api import Browser, BrowserContext, expect
from serving import Served

CLIENT = Path(__file__).parents[2] / "client-demo"
AXE = CLIENT / "node_modules" / "axe-core" / "axe.min.js"

# What axe-core finds wrong: rule, elements, and what it says about the first.
FINDINGS = """async () => {
  const { violations } = await axe.run({ resultTypes: ['violations'] });
  return violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target }) => target.join(' '))}: ${nodes[0].failureSummary}`);
}"""


def findings(page: DemoPage) -> list[str]:
    if not page.get("'axe' in window"):
        page.page.add_script_tag(path=AXE)
    found: list[str] = page.get(FINDINGS)
    return found


def test_axe(page: DemoPage) -> None:
    assert findings(page) == []
