"""The page against a real server of the probe world, in real Chromium."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
from client_page import DemoPage
from playwright.sync_api import Browser, BrowserContext, expect
from serving import ServedWorld

from lightcone.model.families.probe.model import read_frame_code

FAKE_PAD = """(pressed) => {
  const pad = {
    id: 'Test Pad (STANDARD GAMEPAD)', index: 0, connected: true, mapping: 'standard',
    axes: [0, 0, 0, 0],
    buttons: Array.from({length: 17}, (_, i) => ({pressed: pressed.includes(i), value: 0})),
  };
  const fresh = window.pads === undefined;
  window.pads = [pad, null];
  navigator.getGamepads = () => window.pads;
  if (fresh) dispatchEvent(Object.assign(new Event('gamepadconnected'), {gamepad: pad}));
}"""

UNPLUG = """() => {
  const [pad] = window.pads;
  window.pads = [null, null];
  dispatchEvent(Object.assign(new Event('gamepaddisconnected'), {gamepad: pad}));
}"""


def test_shows_the_world(page: DemoPage) -> None:
    page.until("lightcone.frames.length > 24")
    frames = page.get("lightcone.frames")
    for frame in frames:
        assert frame["rtpTimestamp"] == round(frame["mediaTime"] * 90_000) % 2**32
    code, held = read_frame_code(page.picture())
    assert code > 0
    assert not any(held)
    expect(page.page.locator("#title")).to_have_text("Probe")
    expect(page.page.locator("#veil")).to_be_hidden()
    assert f"world={page.get('lightcone.world')}" in page.page.url


def test_measures(page: DemoPage) -> None:
    page.until("lightcone.rates !== null && lightcone.rates.fps > 0")
    for measurement in ("fps", "stalls", "bitrate"):
        expect(page.page.locator(f"#{measurement}")).to_have_text(re.compile(r"^[\d.]+$"))


def test_a_key_lights_its_control_and_the_picture(page: DemoPage) -> None:
    page.page.keyboard.down("ArrowRight")
    page.until_pressed("right", True)
    page.until_cell("right", True)
    page.page.keyboard.up("ArrowRight")
    page.until_pressed("right", False)
    page.until_cell("right", False)


def test_key_to_photon_is_measured_per_press(page: DemoPage) -> None:
    for code in ("ArrowRight", "Space", "KeyA"):
        page.page.keyboard.press(code, delay=50)
    page.until("lightcone.samples.length === 3")
    samples: list[dict[str, Any]] = page.get("lightcone.samples")
    assert [sample["code"] for sample in samples] == ["ArrowRight", "Space", "KeyA"]
    for sample in samples:
        assert sample["pressedAt"] <= sample["sentAt"] <= sample["receiptAt"]
        assert sample["presentedAt"] - sample["pressedAt"] == sample["keyToPhotonMs"]
    expect(page.page.locator("#latency")).to_have_text(re.compile(r"^\d+$"))


def test_keys_do_not_scroll_and_combinations_stay_the_browsers(page: DemoPage) -> None:
    page.get("addEventListener('keydown', (event) => { window.taken = event.defaultPrevented; })")
    page.page.keyboard.press("Space")
    assert page.get("taken") is True
    page.page.keyboard.press("Control+a")
    assert page.get("taken") is False
    assert page.get("lightcone.held") == []


def test_space_on_a_focused_button_is_the_buttons(page: DemoPage) -> None:
    page.page.locator("#sound").focus()
    page.page.keyboard.press("Space")
    page.until("!document.querySelector('video').muted")
    assert page.get("lightcone.samples.length") == 0


def test_leaving_the_window_lets_everything_go(page: DemoPage) -> None:
    page.page.keyboard.down("KeyD")
    page.until_cell("right", True)
    page.get("dispatchEvent(new Event('blur'))")
    page.until_pressed("right", False)
    page.until_cell("right", False)


def test_one_click_turns_the_sound_on(page: DemoPage) -> None:
    assert page.get("document.querySelector('video').muted")
    page.page.click("#unmute")
    page.until("!document.querySelector('video').muted")
    expect(page.page.locator("#unmute")).to_be_hidden()
    expect(page.page.locator("#sound")).to_have_attribute("aria-label", "Mute")
    # The keys go to the world again, not to the button that was clicked.
    page.page.keyboard.down("Space")
    page.until_cell("shoot", True)


def test_a_gamepad_can_be_plugged_used_and_unplugged(page: DemoPage) -> None:
    page.page.evaluate(FAKE_PAD, [])
    expect(page.page.locator("#toast")).to_have_text("Test Pad connected")
    page.page.evaluate(FAKE_PAD, [15, 0])
    page.until_pressed("right", True)
    page.until_cell("right", True)
    page.until_cell("jump", True)
    page.page.evaluate(UNPLUG)
    page.until_pressed("right", False)
    page.until_cell("jump", False)


def test_fingers_hold_controls_together(phone: BrowserContext, server: ServedWorld) -> None:
    page = DemoPage(phone.new_page())
    page.open(server.url)
    page.until("lightcone.role === 'driver' && lightcone.phase === 'live'")
    touch = phone.new_cdp_session(page.page)

    def fingers(kind: str, *controls: str) -> None:
        points = []
        for finger, control in enumerate(controls):
            box = page.page.locator(f'[data-control="{control}"]').bounding_box()
            assert box is not None
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            points.append({"x": x, "y": y, "id": finger})
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", "left", "jump")
    page.until_pressed("left", True)
    page.until_cell("left", True)
    page.until_cell("jump", True)
    fingers("touchMove", "right", "jump")  # the first one slides on
    page.until_pressed("left", False)
    page.until_cell("right", True)
    fingers("touchEnd")
    page.until_cell("right", False)
    assert page.get("lightcone.held") == []


@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1280, 720), (2560, 1440)])
def test_everything_is_on_the_screen(
    context: BrowserContext, server: ServedWorld, size: tuple[int, int]
) -> None:
    width, height = size
    page = DemoPage(context.new_page())
    page.page.set_viewport_size({"width": width, "height": height})
    page.open(server.url)
    page.until_live()
    parts = "#stage, #readout, #role, #prompt, .tool, .control"
    boxes = page.get(f"""[...document.querySelectorAll('{parts}')].map((part) => {{
      const {{left, top, right, bottom}} = part.getBoundingClientRect();
      return [part.id || part.textContent, left, top, right, bottom];
    }})""")
    assert len(boxes) >= 3 + 3 + 4
    for name, left, top, right, bottom in boxes:
        assert left >= 0, name
        assert top >= 0, name
        assert right <= width + 0.5, name
        assert bottom <= height + 0.5, name
    nameless = "(button) => !button.hidden && !button.ariaLabel && !button.textContent"
    assert page.get(f"[...document.querySelectorAll('button')].filter({nameless}).length") == 0


def test_the_second_visitor_watches_until_the_wheel_is_free(
    page: DemoPage, chromium: Browser, server: ServedWorld, request: pytest.FixtureRequest
) -> None:
    context = chromium.new_context()
    request.addfinalizer(context.close)
    second = DemoPage(context.new_page())
    second.open(server.url)
    second.until_live()
    second.until("lightcone.role === 'viewer'")
    assert second.get("lightcone.world") == page.get("lightcone.world")
    expect(second.page.locator("#role")).to_contain_text("Somebody else is driving")
    expect(second.page.locator("#notice")).to_be_visible()
    second.page.keyboard.press("ArrowRight", delay=50)  # steers nothing, breaks nothing
    page.page.keyboard.down("ArrowLeft")
    second.until_cell("left", True)
    second.until_cell("right", False)
    page.page.close()
    second.until("lightcone.role === 'driver'")
    expect(second.page.locator("#toast")).to_have_text("The wheel is free: you are driving now")
    expect(second.page.locator("#notice")).to_be_hidden()
    second.page.keyboard.down("ArrowRight")
    second.until_cell("right", True)


def test_a_world_that_is_gone_is_replaced(context: BrowserContext, server: ServedWorld) -> None:
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?world=long-gone")
    page.until_live()
    assert "long-gone" not in page.page.url
    assert f"world={page.get('lightcone.world')}" in page.page.url


def test_notices_a_server_that_hangs(page: DemoPage, server: ServedWorld) -> None:
    server.hang()
    expect(page.page.locator("#veil-title")).to_have_text("Connection lost")
    server.go_on()
    page.until_live()
    expect(page.page.locator("#veil")).to_be_hidden()


def test_says_that_the_server_is_away_and_comes_back_with_it(
    page: DemoPage, server: ServedWorld
) -> None:
    page.page.click("#unmute")
    before = page.get("lightcone.world")
    server.stop(signal.SIGKILL)
    expect(page.page.locator("#veil-title")).to_have_text("The server is away")
    expect(page.page.locator("#veil-action")).to_be_visible()
    server.start()
    page.until_live()
    page.until("lightcone.role === 'driver'")
    assert page.get("lightcone.world") != before
    expect(page.page.locator("#veil")).to_be_hidden()
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)
    # The visitor's one click on the sound lasts.
    assert not page.get("document.querySelector('video').muted")
