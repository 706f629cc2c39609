"""The page against a real server of the probe world, in real Chromium."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest
from client_page import DemoPage, hold_pad
from playwright.sync_api import Browser, BrowserContext, expect
from serving import Served

from lightcone.model.families.probe.picture import read_frame_code

UNPLUG = """() => {
  const [pad] = window.pads;
  window.pads = [null, null];
  dispatchEvent(Object.assign(new Event('gamepaddisconnected'), {gamepad: pad}));
}"""


def test_shows_the_session(page: DemoPage) -> None:
    page.until("lightcone.frames.length > 24")
    frames = page.get("lightcone.frames")
    for frame in frames:
        assert frame["rtpTimestamp"] == round(frame["mediaTime"] * 90_000) % 2**32
    code, held = read_frame_code(page.picture())
    assert code > 0
    assert not any(held)
    expect(page.page.locator("#title")).to_have_text("Probe")
    expect(page.page.locator("#veil")).to_be_hidden()
    assert f"session={page.get('lightcone.session')}" in page.page.url
    assert page.get("[lightcone.world, lightcone.fps]") == ["probe", 24]


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
        assert sample["displayAt"] - sample["pressedAt"] == sample["keyToDisplayMs"]
    assert page.get("lightcone.lost") == []
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
    hold_pad(page)
    expect(page.page.locator("#toast")).to_have_text("Test Pad connected")
    hold_pad(page, 15, 0)
    page.until_pressed("right", True)
    page.until_cell("right", True)
    page.until_cell("jump", True)
    page.page.evaluate(UNPLUG)
    page.until_pressed("right", False)
    page.until_cell("jump", False)


def test_fingers_hold_controls_together(phone: BrowserContext, server: Served) -> None:
    page = DemoPage(phone.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
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
    context: BrowserContext, server: Served, size: tuple[int, int]
) -> None:
    width, height = size
    page = DemoPage(context.new_page())
    page.page.set_viewport_size({"width": width, "height": height})
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    parts = "#stage, #readout, #role, #prompt, .line .tool, .tools .tool, .control, #wheel button"
    boxes = page.get(f"""[...document.querySelectorAll('{parts}')].map((part) => {{
      const {{left, top, right, bottom}} = part.getBoundingClientRect();
      return [part.id || part.textContent, left, top, right, bottom];
    }})""")
    assert len(boxes) >= 4 + 2 + 4 + 5 + 1
    for name, left, top, right, bottom in boxes:
        assert left >= 0, name
        assert top >= 0, name
        assert right <= width + 0.5, name
        assert bottom <= height + 0.5, name
    nameless = "(button) => !button.hidden && !button.ariaLabel && !button.textContent"
    assert page.get(f"[...document.querySelectorAll('button')].filter({nameless}).length") == 0


def test_controls_are_reached_and_held_by_the_keyboard(page: DemoPage) -> None:
    page.page.locator('[data-control="right"]').focus()
    page.page.keyboard.down("Enter")
    page.until_pressed("right", True)
    page.until_cell("right", True)
    page.page.keyboard.up("Enter")
    page.until_cell("right", False)
    page.page.keyboard.down("Space")  # holds what has the focus, not what it is bound to
    page.until_pressed("right", True)
    assert page.get("lightcone.held") == ["right"]
    page.page.keyboard.press("Tab")
    page.until_pressed("right", False)
    page.page.keyboard.up("Space")


def test_a_click_on_a_control_leaves_the_keys_to_the_world(page: DemoPage) -> None:
    page.page.click('[data-control="left"]')
    page.page.keyboard.down("Space")
    page.until_cell("shoot", True)
    assert page.get("lightcone.held") == ["shoot"]


def test_a_browser_without_frame_callbacks_still_shows_the_session(
    context: BrowserContext, server: Served
) -> None:
    page = DemoPage(context.new_page())
    page.page.add_init_script(
        "delete HTMLVideoElement.prototype.requestVideoFrameCallback;"
        "delete HTMLVideoElement.prototype.cancelVideoFrameCallback"
    )
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)
    assert page.get("lightcone.frames") == []


def test_a_session_that_is_gone_is_replaced(context: BrowserContext, server: Served) -> None:
    server.new_session()
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?session=long-gone")
    page.until_live()
    assert "long-gone" not in page.page.url
    assert f"session={page.get('lightcone.session')}" in page.page.url


def test_notices_a_server_that_hangs(page: DemoPage, server: Served) -> None:
    server.hang()
    expect(page.page.locator("#veil-title")).to_have_text("Connection lost")
    server.go_on()
    page.until_live()
    expect(page.page.locator("#veil")).to_be_hidden()


def test_says_that_the_server_is_away_and_comes_back_with_it(
    page: DemoPage, server: Served
) -> None:
    page.page.click("#unmute")
    before = page.get("lightcone.session")
    server.stop(signal.SIGKILL)
    expect(page.page.locator("#veil-title")).to_have_text("The server is away")
    expect(page.page.locator("#veil-choices button")).to_have_text(["Try now"])
    server.start()
    page.until_role("driver")
    assert page.get("lightcone.session") != before
    expect(page.page.locator("#veil")).to_be_hidden()
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)
    # The visitor's one click on the sound lasts.
    assert not page.get("document.querySelector('video').muted")


def test_it_keeps_to_its_content_security_policy(chromium: Browser, server: Served) -> None:
    visitor = chromium.new_context()
    page = visitor.new_page()
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.goto(f"{server.url}/?session={server.new_session()['id']}")
    shown = "video => new Promise(done => video.requestVideoFrameCallback(() => done()))"
    page.locator("video").evaluate(shown)
    page.locator("#menu-open").click()
    visitor.close()
    assert refused == []
