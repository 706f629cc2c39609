"""The status page in real Chromium: sessions appear on it, are plotted, and a server that is gone
is said to be gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from e2e_page import PATIENCE_MS, Visitor
from playwright.sync_api import Browser, Page, expect
from serving import Served


@pytest.fixture
def status(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def test_a_session_appears_is_plotted_and_goes(
    probe_server: Served, status: Page, visitor: Callable[[], Visitor]
) -> None:
    problems: list[str] = []
    status.on("pageerror", lambda error: problems.append(str(error)))
    with probe_server.blocking_client() as client:
        for session in client.get("/sessions").json():
            client.delete(f"/sessions/{session['id']}")
        status.goto(f"{probe_server.url}/status")
        status.get_by_text("Nobody plays right now.").wait_for()
        session = probe_server.new_session()
        watching = visitor()
        watching.open(f"{probe_server.url}/?session={session['id']}")
        card = status.locator(f"[data-session='{session['id']}'][data-phase='running']")
        card.wait_for()
        expect(card).to_contain_text("Probe")
        expect(card).to_contain_text("ms a chunk", timeout=PATIENCE_MS)
        expect(status.locator("#tiles")).to_contain_text("Viewers1", timeout=PATIENCE_MS)
        # there is no room for another one
        expect(status.locator("#state")).to_contain_text("There is no room", timeout=PATIENCE_MS)
        chunk = status.locator("#plot-chunk")
        expect(chunk.locator(".legend")).to_contain_text("deadline 83.3", timeout=PATIENCE_MS)
        expect(chunk.locator("canvas")).to_be_visible()
        assert status.evaluate("document.documentElement.scrollWidth <= innerWidth")
        card.locator("a").click()
        status.wait_for_url(f"**/?session={session['id']}")
        status.go_back()
        card.wait_for()
        client.delete(f"/sessions/{session['id']}")
        card.wait_for(state="detached")
    assert problems == []


def test_a_server_that_is_gone_is_named_and_found_again(
    serve: Callable[..., Served], status: Page
) -> None:
    server = serve("--probe-compute-ms", "5")
    status.goto(f"{server.url}/status")
    state = status.locator("#state")
    expect(state).to_contain_text("Ready", timeout=PATIENCE_MS)
    server.stop()
    expect(state).to_contain_text("Not connected", timeout=PATIENCE_MS)
    expect(status.locator("body")).to_have_class("lost")
    server.start()
    expect(state).to_contain_text("Ready", timeout=PATIENCE_MS)
    expect(status.locator("body")).not_to_have_class("lost")
