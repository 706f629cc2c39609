"""The page for everybody: axe-core finds nothing, everything fits when it is enlarged, nothing
moves for who wants no motion, phases are announced, and a gamepad alone reaches every control."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_page import DemoPage, hold_pad
from playwright.sync_api import Browser, BrowserContext, expect
from serving import Served

AXE = Path(__file__).parents[2] / "client-demo" / "node_modules" / "axe-core" / "axe.min.js"

# What axe-core finds wrong: the rule, where, and what it says about the first.
FINDINGS = """async () => {
  const { violations } = await axe.run({ resultTypes: ['violations'] });
  return violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target }) => target.join(' '))}: ${nodes[0].failureSummary}`);
}"""

# Names of what can be used and lies outside of the page, or is wider than the window.
OUTSIDE = """() => [...document.querySelectorAll('button, input, select, a, #stage, #readout b')]
  .filter((each) => each.checkVisibility({visibilityProperty: true}))
  .map((each) => [each.id || each.textContent, each.getBoundingClientRect()])
  .filter(([, {left, right, top, bottom}]) =>
    left < -0.5 || right > innerWidth + 0.5 || top + scrollY < -0.5 ||
    bottom + scrollY > document.documentElement.scrollHeight + 0.5)
  .map(([name]) => name)"""

# What has the focus, and whether that is seen.
FOCUSED = """() => {
  const focused = document.activeElement;
  const line = focused.closest('.line');
  const seen = getComputedStyle(focused).outlineStyle !== 'none'
    || (line !== null && getComputedStyle(line).boxShadow.includes('2px'));
  return [focused.dataset.control ?? focused.id, seen || focused === document.body];
}"""


def findings(page: DemoPage) -> list[str]:
    if not page.get("'axe' in window"):
        page.page.add_script_tag(path=AXE)
    found: list[str] = page.get(FINDINGS)
    return found


def test_axe_finds_nothing(page: DemoPage, server: Served) -> None:
    assert findings(page) == []
    page.page.click("#menu-open")
    page.page.click("#graphs")
    page.page.click("#menu-open")
    assert findings(page) == []
    page.page.click("#settings-open")
    assert findings(page) == []
    page.page.keyboard.press("Escape")
    page.page.get_by_role("button", name="Just watch").click()
    page.until_role("spectator")
    assert findings(page) == []
    page.page.context.route("**/sessions*", lambda route: route.abort())
    page.page.context.route("**/sessions/*", lambda route: route.abort())
    with server.blocking_client() as client:
        client.delete(f"/sessions/{page.get('lightcone.session')}")
    expect(page.page.get_by_role("button", name="Try now")).to_be_visible()
    assert findings(page) == []


def test_axe_finds_nothing_on_a_phone_and_on_the_status_page(
    phone: BrowserContext, server: Served
) -> None:
    page = DemoPage(phone.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    assert findings(page) == []
    page.page.goto(f"{server.url}/status")
    expect(page.page.locator("#tiles")).to_contain_text("Sessions")
    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_enlarged_everything_is_reached_without_scrolling_sideways(
    chromium: Browser, server: Served, scheme: str
) -> None:
    context = chromium.new_context(bypass_csp=True, reduced_motion="reduce", color_scheme=scheme)  # type: ignore[arg-type]
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    # 1280 x 720 at 200 %, 640 x 800, 1280 x 1024 at 400 %, and a small phone
    for width, height in ((640, 360), (640, 800), (320, 256), (320, 640)):
        page.page.set_viewport_size({"width": width, "height": height})
        assert page.get("document.documentElement.scrollWidth") <= width, (width, height)
        assert page.get(OUTSIDE) == [], (width, height)
    motion = "[...document.querySelectorAll('*')].filter((each) => {"
    motion += "const {animationName, transitionDuration} = getComputedStyle(each);"
    motion += "return animationName !== 'none' || transitionDuration !== '0s'}).length"
    assert page.get(motion) == 0
    context.close()


def test_phases_are_announced(page: DemoPage, server: Served) -> None:
    announcer = page.page.locator("#announcer")
    expect(announcer).to_have_attribute("role", "status")
    expect(announcer).to_have_text("Probe")
    server.hang()
    expect(announcer).to_contain_text("Connection lost")
    server.go_on()
    expect(announcer).to_have_text("Probe")


def test_tab_reaches_every_control_and_shows_where_it_is(page: DemoPage) -> None:
    reached: dict[str, bool] = {}
    while len(reached) < 40:
        page.page.keyboard.press("Tab")
        name, seen = page.get(FOCUSED)
        if name in reached:
            break
        reached[name] = seen
    assert [name for name, seen in reached.items() if not seen] == []
    assert reached.keys() >= {"sound", "share", "fullscreen", "menu-open", "rewind", "unmute"}
    assert reached.keys() >= {"left", "right", "jump", "shoot", "prompt-text", "prompt-send"}


def test_a_click_without_a_pointer_taps_a_control_and_toggles_the_way_back(page: DemoPage) -> None:
    """As screen readers and voice control click."""
    page.page.locator('[data-control="jump"]').evaluate("(control) => control.click()")
    page.until("lightcone.samples.length === 1 && lightcone.held.length === 0")
    before = page.until_frame(lambda frame: frame > 72)
    page.page.locator("#rewind").evaluate("(button) => button.click()")
    page.until_frame(lambda frame: frame < before - 24)
    page.page.locator("#rewind").evaluate("(button) => button.click()")
    page.until("lightcone.rewinding.phase === 'idle'")


def test_a_gamepad_alone_goes_back_and_reaches_the_page(page: DemoPage) -> None:
    hold_pad(page)
    before = page.until_frame(lambda frame: frame > 72)
    hold_pad(page, 8)
    page.until_frame(lambda frame: frame < before - 24)
    hold_pad(page)
    page.until("lightcone.rewinding.phase === 'idle'")

    def press(button: int) -> None:
        hold_pad(page, button)
        hold_pad(page)

    press(9)  # Start: the page's controls have the pad now
    assert page.get(FOCUSED) == ["menu-open", True]
    press(0)
    expect(page.page.locator("#menu")).to_be_visible()
    assert page.get("lightcone.held") == []
    for _ in range(20):
        press(13)
        if page.get(FOCUSED)[0] == "settings-open":
            break
    press(0)
    expect(page.page.locator("#settings")).to_be_visible()
    press(1)  # B closes it
    expect(page.page.locator("#settings")).to_be_hidden()
    press(9)  # back to the world
    hold_pad(page, 0)
    page.until_cell("jump", True)
