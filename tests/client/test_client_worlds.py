"""Worlds of every kind in real Chromium: chosen, prompted, started from a picture, looked around
in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from client_page import WATCH_AXES, DemoPage
from playwright.sync_api import BrowserContext, expect
from serving import Served
from some_pictures import picture

FAKE_STICK = """(x) => {
  const pad = {
    id: 'Test Pad', index: 0, connected: true, mapping: 'standard', axes: [0, 0, x, 0],
    buttons: Array.from({length: 17}, () => ({pressed: false, value: 0})),
  };
  const fresh = window.pads === undefined;
  window.pads = [pad];
  navigator.getGamepads = () => window.pads;
  if (fresh) dispatchEvent(Object.assign(new Event('gamepadconnected'), {gamepad: pad}));
}"""


# The second click comes when the server has made the first session and the page does not know yet,
# or when the page has begun to open it and nothing of it has come.
CLICK_TWICE = """([first, second, when]) => {
  const click = (index) => document.querySelectorAll('.world')[index].click();
  if (when === 'made') {
    const real = window.fetch;
    window.fetch = async (path, init) => {
      const answer = await real(path, init);
      if (path === '/sessions' && init.method === 'POST') {
        window.fetch = real;
        click(second);
      }
      return answer;
    };
  } else {
    const Socket = window.WebSocket;
    window.WebSocket = class extends Socket {
      constructor(url) {
        super(url);
        window.WebSocket = Socket;
        setTimeout(() => click(second));
      }
    };
  }
  click(first);
}"""


def give_prompt(page: DemoPage, text: str, how: str = "cut") -> None:
    page.page.select_option("#prompt-how", how)
    page.page.fill("#prompt-text", text)
    page.page.press("#prompt-text", "Enter")


def open_driving(page: DemoPage, server: Served, world: str = "probe") -> None:
    """A new session of this world."""
    page.open(f"{server.url}/?session={server.new_session(world=world)['id']}")
    page.until_role("driver")


def test_a_prompt_is_seen_and_the_page_shows_when(page: DemoPage) -> None:
    news = page.page.locator("#prompt-news")
    give_prompt(page, "green")
    page.until_ground("green")
    expect(news).to_have_text(re.compile(r"^In the picture after [\d.]+ m?s$"))
    expect(page.page.locator("#prompt-text")).to_have_attribute("placeholder", "green")
    give_prompt(page, "blue", "blend")
    page.until_ground("blue")
    expect(news).to_have_text(re.compile(r"^In the picture after .+, fully after [\d.]+ m?s$"))
    # the keys belong to the world again
    page.page.keyboard.down("Space")
    page.until_cell("shoot", True)


def test_unknown_words_are_named_in_place(page: DemoPage) -> None:
    give_prompt(page, "red moon")
    news = page.page.locator("#prompt-news")
    expect(news).to_have_text("This world has no word for “moon”. It knows red, green, blue.")
    expect(page.page.locator("#prompt-text")).to_have_value("red moon")
    page.page.type("#prompt-text", "s")
    expect(news).to_have_text("")


def test_typing_steers_nothing_and_is_completed(page: DemoPage) -> None:
    page.page.click("#prompt-text")
    page.page.keyboard.type("wada gr")
    assert page.get("lightcone.held") == []
    options = "[...document.querySelectorAll('#prompt-words option')].map((each) => each.value)"
    assert page.get(options) == ["wada green"]
    page.page.keyboard.press("Escape")
    page.page.keyboard.down("KeyD")
    page.until_cell("right", True)


def test_who_watches_can_give_no_prompt(page: DemoPage, others: Callable[[], DemoPage]) -> None:
    second = others()
    second.open(page.page.url)
    second.until_role("spectator")
    expect(second.page.locator("#prompt-text")).to_be_disabled()
    expect(second.page.locator("#choose")).to_be_disabled()


def test_one_world_alone_is_not_to_be_chosen(page: DemoPage) -> None:
    page.until("lightcone.frames.length > 24")
    expect(page.page.locator("#worlds")).to_be_hidden()


def test_another_world_takes_the_place_of_ones_own(context: BrowserContext, pair: Served) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, pair)
    before = page.get("lightcone.session")
    tabs = page.page.locator(".world")
    expect(tabs).to_have_text(["Probe", "Wide probe"])
    expect(tabs.nth(0)).to_have_attribute("aria-pressed", "true")
    tabs.nth(1).click()
    expect(page.page.locator("#title")).to_have_text("Wide probe")
    page.until_role("driver")
    expect(tabs.nth(1)).to_have_attribute("aria-pressed", "true")
    assert page.get("lightcone.session") != before
    assert page.get("lightcone.world") == "probe-wide"
    assert f"session={page.get('lightcone.session')}" in page.page.url
    page.until("document.querySelector('video').videoWidth === 640")
    expect(page.page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("when", ["made", "opened"])
def test_of_two_worlds_in_a_row_the_last_one_comes(
    context: BrowserContext, pair: Served, when: str
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, pair)
    before, title = page.get("lightcone.session"), page.page.inner_text("#title")
    tabs = page.page.locator(".world")
    expect(tabs).to_have_count(2)
    here = 1 if title == "Wide probe" else 0
    page.page.evaluate(CLICK_TWICE, [1 - here, here, when])
    page.until(f"lightcone.session !== null && lightcone.session !== '{before}'")
    page.until_role("driver")
    expect(page.page.locator("#title")).to_have_text(title)
    expect(tabs.nth(here)).to_have_attribute("aria-pressed", "true")
    expect(page.page.locator("#notice")).to_be_hidden()
    with pair.blocking_client() as client:
        assert [session["id"] for session in client.get("/sessions").json()] == [
            page.get("lightcone.session")
        ]


def test_a_session_that_others_watch_stays(
    context: BrowserContext, others: Callable[[], DemoPage], pair: Served
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, pair)
    second = others()
    second.open(page.page.url)
    second.until_live()
    page.until("document.querySelector('#role-text').textContent.includes('One other')")
    page.page.locator(".world[aria-pressed=false]").click()
    expect(page.page.locator("#veil-title")).to_have_text("Place 1 in the queue")
    page.page.get_by_role("button", name="Watch Probe meanwhile").click()
    page.until_role("spectator")
    assert page.get("lightcone.session") == second.get("lightcone.session")
    assert second.get("lightcone.phase") == "live"
    page.page.get_by_role("button", name="Leave the queue").click()
    expect(page.page.locator("#notice")).to_be_hidden()
    page.until_nobody_waits()


@pytest.mark.parametrize("way", ["chosen", "dropped"])
def test_a_session_starts_from_a_picture(
    context: BrowserContext, pair: Served, tmp_path: Path, way: str
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, pair)
    data = picture((20, 200, 20), 640, 480)
    if way == "chosen":
        (tmp_path / "green.png").write_bytes(data)
        page.page.set_input_files("#file", tmp_path / "green.png")
    else:
        page.page.evaluate(
            """(bytes) => {
              const file = new File([new Uint8Array(bytes)], 'green.png', {type: 'image/png'})
              const dataTransfer = new DataTransfer()
              dataTransfer.items.add(file)
              for (const type of ['dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true}))
            }""",
            list(data),
        )
    page.until_ground("green")
    page.until_role("driver")


def test_a_file_that_is_no_picture_is_named_and_the_session_goes_on(
    page: DemoPage, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("hello")
    page.page.set_input_files("#file", tmp_path / "words.txt")
    expect(page.page.locator("#toast")).to_contain_text("words.txt is not a picture")
    assert page.get("lightcone.phase") == "live"


def test_a_click_takes_the_mouse_and_its_motion_turns(page: DemoPage) -> None:
    page.page.mouse.click(640, 300)
    page.until("document.pointerLockElement !== null")
    expect(page.page.locator("#toast")).to_contain_text("Esc gives it back")
    page.page.evaluate(WATCH_AXES)
    for i in range(20):
        page.page.mouse.move(640 + 5 * i, 300)
    page.until("window.moves.some(({turn}) => turn > 0.1)")
    page.until("lightcone.moved.turn === undefined")
    page.until_axis(0.0)
    page.page.evaluate("document.exitPointerLock()")
    page.until("document.pointerLockElement === null")
    page.page.mouse.move(700, 300)
    assert page.get("lightcone.moved") == {}


def test_a_click_on_a_button_over_the_picture_does_not_take_the_mouse(page: DemoPage) -> None:
    page.page.click("#unmute")
    page.until("!document.querySelector('video').muted")
    assert page.get("document.pointerLockElement") is None


def test_a_stick_turns_as_far_as_it_is_pushed(page: DemoPage) -> None:
    page.page.evaluate(FAKE_STICK, -1)
    page.until_axis(-3.0)
    page.page.evaluate(FAKE_STICK, 0.05)
    page.until_axis(0.0)


def test_a_finger_that_drags_the_picture_turns(phone: BrowserContext, server: Served) -> None:
    page = DemoPage(phone.new_page())
    open_driving(page, server)
    touch = phone.new_cdp_session(page.page)

    def finger(kind: str, *xs: float) -> None:
        points = [{"x": x, "y": 200} for x in xs]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    page.page.evaluate(WATCH_AXES)
    finger("touchStart", 100)
    for x in range(110, 300, 10):
        finger("touchMove", x)
    finger("touchEnd")
    page.until("window.moves.some(({turn}) => turn > 0.5)")
    page.until("lightcone.moved.turn === undefined")
    page.until_axis(0.0)


@pytest.fixture(scope="module")
def formats(serve: Callable[..., Served]) -> Served:
    """One with worlds of every format."""
    worlds = "probe-long,probe-35,probe-60,probe-text,probe-image,probe-y"
    return serve("--probe-compute-ms", "2", worlds=worlds)


def test_a_large_world_without_sound_is_seen_and_has_no_sound_to_turn_on(
    context: BrowserContext, formats: Served
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, "probe-long")
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)
    assert page.get("lightcone.fps") == 16
    for part in ("#sound", "#unmute"):
        expect(page.page.locator(part)).to_be_hidden()
    expect(page.page.locator("#fullscreen")).to_be_visible()
    width = page.get("document.querySelector('video').videoWidth")
    height = page.get("document.querySelector('video').videoHeight")
    assert width * 480 == height * 832
    assert width >= 832


@pytest.mark.parametrize(("world", "fps"), [("probe-35", 35), ("probe-60", 60)])
def test_frames_have_the_media_times_of_their_own_rate(
    context: BrowserContext, formats: Served, world: str, fps: int
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, world)
    page.page.keyboard.press("ArrowRight", delay=100)
    page.until("lightcone.samples.length === 1 && lightcone.frames.length > 30")
    assert page.get("lightcone.fps") == fps
    for frame in page.get("lightcone.frames"):
        assert frame["rtpTimestamp"] == round(frame["mediaTime"] * 90_000) % 2**32


def test_who_only_watches_one_session_drives_a_new_one(
    context: BrowserContext, formats: Served
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, "probe-35")
    page.page.get_by_role("button", name="Just watch").click()
    page.until_role("spectator")
    page.page.click('[data-world="probe-60"]')
    page.until("lightcone.world === 'probe-60'")
    page.until_role("driver")


def test_a_world_without_prompts_has_no_line_for_them(
    context: BrowserContext, formats: Served
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, "probe-60")
    expect(page.page.locator("#prompt")).to_be_hidden()


def test_a_free_text_is_taken_with_its_length_shown(
    context: BrowserContext, formats: Served
) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, "probe-text")
    text = "An evening by the sea, seen from far above."
    page.page.fill("#prompt-text", text)
    expect(page.page.locator("#prompt-length")).to_have_text(f"{len(text)} / 500")
    expect(page.page.locator("#prompt-words option")).to_have_count(0)
    page.page.press("#prompt-text", "Enter")
    news = page.page.locator("#prompt-news")
    expect(news).to_have_text(re.compile(r"^In the picture after [\d.]+ m?s$"))
    expect(page.page.locator("#prompt-text")).to_have_attribute("placeholder", text)


@pytest.mark.parametrize("way", ["by address", "by choice"])
def test_a_world_that_needs_a_picture_asks_for_one(
    context: BrowserContext, formats: Served, tmp_path: Path, way: str
) -> None:
    page = DemoPage(context.new_page())
    if way == "by address":
        page.open(f"{formats.url}/?world=probe-image")
    else:
        open_driving(page, formats, "probe-35")
        page.page.click('[data-world="probe-image"]')
    expect(page.page.locator("#veil-title")).to_have_text("This world starts from a picture")
    (tmp_path / "green.png").write_bytes(picture((20, 200, 20), 640, 480))
    with page.page.expect_file_chooser() as chooser:
        page.page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(tmp_path / "green.png")
    page.until_ground("green")
    page.until_role("driver")
    assert page.get("lightcone.world") == "probe-image"


def test_the_mouse_moves_both_axes(context: BrowserContext, formats: Served) -> None:
    page = DemoPage(context.new_page())
    open_driving(page, formats, "probe-y")
    page.page.mouse.click(640, 300)
    page.until("document.pointerLockElement !== null")
    page.page.evaluate(WATCH_AXES)
    for i in range(20):
        page.page.mouse.move(640 + 5 * i, 300 - 2 * i)
    page.until("window.moves.some(({turn, look}) => turn > 0.1 && look < -0.05)")
    page.until("Object.keys(lightcone.moved).length === 0")
    page.until_axis(0.0)
    page.until_axis(0.0, axis=1)
