"""What a visitor sets and starts over: seeds, volume, bindings, sensitivity, only watching, graphs,
the picture in a window of its own and over the whole screen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from client_page import DemoPage, hold_pad
from playwright.sync_api import BrowserContext, expect
from serving import Served

SETTINGS = "JSON.parse(localStorage.getItem('lightcone.settings'))"

# Stands for the parts of a browser that need a real screen; `asked` lists what was asked of them.
SCREEN = """
  window.asked = [];
  Object.defineProperty(Document.prototype, 'fullscreenEnabled', {value: false});
  Object.defineProperty(Document.prototype, 'pictureInPictureEnabled', {value: true});
  HTMLVideoElement.prototype.requestPictureInPicture = async function () {
    window.asked.push('window');
    this.dispatchEvent(new Event('enterpictureinpicture'));
  };
  const lock = () => ({
    released: false, async release() { this.released = true; window.asked.push('sleep'); },
  });
  Object.defineProperty(navigator, 'wakeLock', {
    value: {request: async () => { window.asked.push('awake'); return lock(); }},
  });
"""


def choose(page: DemoPage, item: str) -> None:
    """Choose from the menu."""
    page.page.click("#menu-open")
    page.page.click(item)


def bind_key(page: DemoPage, label: str, key: str) -> None:
    page.page.get_by_role("button", name=f"{label}, key").click()
    page.page.keyboard.press(key)


def test_a_session_is_started_over_with_its_seed_or_another(
    context: BrowserContext, server: Served
) -> None:
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?session={server.new_session(seed=7, prompt='green')['id']}")
    page.until_role("driver")
    seeds = []
    for item in ("#restart", "#reseed"):
        before = page.get("lightcone.session")
        choose(page, item)
        page.until(f"lightcone.session !== null && lightcone.session !== '{before}'")
        page.until_role("driver")
        with server.blocking_client() as client:
            [now] = client.get("/sessions").json()  # the one before has made room
        assert now["id"] == page.get("lightcone.session")
        assert (now["world"], now["prompt"]) == ("probe", "green")
        seeds.append(now["seed"])
    assert seeds[0] == 7
    assert seeds[1] != 7


def test_volume_and_bindings_are_kept(page: DemoPage) -> None:
    page.page.click("#menu-open")
    page.page.locator("#volume").fill("0.4")
    assert page.get("document.querySelector('video').volume") == 0.4
    page.page.click("#settings-open")
    bind_key(page, "Jump", "KeyR")  # which runs back, else
    jump = page.page.get_by_role("button", name="Jump, key: R", exact=True)
    expect(jump).to_be_focused()
    expect(page.page.get_by_role("button", name="Run back, key: none")).to_be_visible()
    bind_key(page, "Jump", "Escape")  # leaves it as it is
    expect(jump).to_be_visible()
    assert page.get("lightcone.held") == []  # keys are the dialog's
    page.page.get_by_role("button", name="Shoot, gamepad button").click()
    hold_pad(page)
    hold_pad(page, 7)
    expect(page.page.get_by_role("button", name="Shoot, gamepad button: RT")).to_be_visible()
    hold_pad(page)
    page.page.click("#settings-close")
    page.page.keyboard.down("KeyR")
    page.until_cell("jump", True)
    page.page.keyboard.up("KeyR")
    page.page.reload()
    page.until_role("driver")
    assert page.get("document.querySelector('video').volume") == 0.4
    page.page.keyboard.down("KeyR")
    hold_pad(page)
    hold_pad(page, 7)
    page.until_cell("jump", True)
    page.until_cell("shoot", True)
    choose(page, "#settings-open")
    page.page.click("#bindings-reset")
    expect(page.page.get_by_role("button", name="Run back, key: R")).to_be_visible()
    assert page.get(SETTINGS) == {
        "version": 1,
        "volume": 0.4,
        "mouse": 1,
        "stick": 1,
        "vibration": True,
        "bindings": {},
    }


@pytest.mark.parametrize(
    "stored",
    ["{", json.dumps({"version": 0, "volume": 1}), json.dumps({"version": 1, "volume": "loud"})],
)
def test_damaged_settings_are_not_used_and_the_page_says_so(
    context: BrowserContext, server: Served, stored: str
) -> None:
    page = DemoPage(context.new_page())
    page.page.add_init_script(f"localStorage.setItem('lightcone.settings', {stored!r})")
    page.open(server.url)
    expect(page.page.locator("#toast")).to_contain_text("Your saved settings can not be read")
    page.until("document.querySelector('video').volume === 1")


def test_a_gamepad_of_unknown_layout_does_what_it_is_bound_to(page: DemoPage) -> None:
    hold_pad(page, mapping="")
    expect(page.page.locator("#toast")).to_contain_text("its layout is not known")
    hold_pad(page, 0, mapping="")
    assert page.get("lightcone.held") == []
    choose(page, "#settings-open")
    page.page.get_by_role("button", name="Jump, gamepad button").click()
    hold_pad(page, mapping="")
    hold_pad(page, 5, mapping="")
    expect(page.page.get_by_role("button", name="Jump, gamepad button: RB")).to_be_visible()
    page.page.keyboard.press("Escape")
    hold_pad(page, mapping="")
    hold_pad(page, 5, mapping="")
    page.until_cell("jump", True)


def test_a_gamepad_vibrates_at_sudden_sounds_unless_it_is_switched_off(page: DemoPage) -> None:
    def tap(*buttons: int) -> None:
        hold_pad(page, *buttons)
        page.until_cell("jump", True)
        hold_pad(page)
        page.until_cell("jump", False)

    hold_pad(page)
    for _ in range(20):  # the page begins to listen when a gamepad is used
        tap(0)
        if page.get("window.shaken.length > 0"):
            break
    assert page.get("Math.min(...window.shaken)") > 0
    assert page.get("Math.max(...window.shaken)") <= 1
    choose(page, "#settings-open")
    page.page.get_by_label("Gamepad and phone vibrate").uncheck()
    page.page.click("#settings-close")
    before = page.get("window.shaken.length")
    for _ in range(3):
        tap(0)
    assert page.get("window.shaken.length") == before
    assert page.get(SETTINGS)["vibration"] is False


def test_who_only_watches_does_so_after_a_reload_too(
    page: DemoPage, others: Callable[[], DemoPage]
) -> None:
    second = others()
    second.open(f"{page.page.url}&watch=1")
    second.until_role("spectator")
    expect(second.page.get_by_role("button", name="Ask for the wheel")).to_be_visible()
    page.page.get_by_role("button", name="Just watch").click()
    page.until_role("spectator")
    page.page.reload()
    page.until_role("spectator")
    assert "watch=1" in page.page.url
    second.page.get_by_role("button", name="Ask for the wheel").click()
    second.until_role("driver")
    assert "watch" not in second.page.url


def test_graphs_show_the_last_minute(page: DemoPage) -> None:
    expect(page.page.locator("#rtt")).to_be_hidden()
    page.page.keyboard.press("Space", delay=50)
    choose(page, "#graphs")
    for measured in ("rtt", "buffer", "dropped"):
        expect(page.page.locator(f"#{measured}")).to_be_visible()
    page.until("lightcone.rates?.bufferMs > 0 && lightcone.rates.roundTripMs !== null")
    drawn = page.page.locator("div:has(> dd > #fps) canvas")
    expect(drawn).to_have_attribute("aria-label", re.compile(r"^Last minute: [\d.]+ to [\d.]+$"))


def test_the_screen_is_the_pictures(context: BrowserContext, server: Served) -> None:
    page = DemoPage(context.new_page())
    page.page.add_init_script(SCREEN)
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    page.until("window.asked.includes('awake')")
    width = "document.querySelector('#stage').clientWidth"
    before = page.get(width)
    page.page.click("#fullscreen")  # as on an iPhone, without the browser's help
    expect(page.page.locator("#title")).to_be_hidden()
    assert page.get(width) > before
    page.page.keyboard.press("Escape")
    expect(page.page.locator("#title")).to_be_visible()
    choose(page, "#pip")
    page.until("window.asked.includes('window')")
    page.page.get_by_role("button", name="Just watch").click()
    page.until("window.asked.includes('sleep')")
