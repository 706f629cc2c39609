"""What the page makes of a server that says something else than the protocol, or goodbye."""

from __future__ import annotations

import msgpack
import pytest
from client_page import DemoPage
from playwright.sync_api import BrowserContext, Route, WebSocketRoute, expect
from serving import Served

# Keeps what the card over the picture has said, in `texts`.
WATCH_VEIL = """() => {
  const veil = document.querySelector('#veil');
  window.texts = [];
  new MutationObserver(() => window.texts.push(veil.innerText))
    .observe(veil, {subtree: true, childList: true});
}"""


class Between:
    """Between the page and the server's control websocket: passes everything on, and can speak
    and hang up in the server's name."""

    def __init__(self, context: BrowserContext) -> None:
        self.routes: list[WebSocketRoute] = []
        context.route_web_socket("**/control", self._meet)

    def say(self, message: object) -> None:
        self.routes[-1].send(msgpack.packb(message))

    def hang_up(self, code: int, reason: str = "") -> None:
        self.routes[-1].close(code=code, reason=reason)

    def _meet(self, route: WebSocketRoute) -> None:
        route.connect_to_server()
        self.routes.append(route)


@pytest.fixture
def between(context: BrowserContext) -> Between:
    return Between(context)


@pytest.fixture
def met(between: Between, context: BrowserContext, server: Served) -> DemoPage:
    """The page with a new session on it, through `between`."""
    page = DemoPage(context.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    return page


def test_messages_that_do_not_fit_are_named_counted_and_left_aside(
    met: DemoPage, between: Between
) -> None:
    errors: list[str] = []
    met.page.on("pageerror", lambda error: errors.append(str(error)))
    between.say({"type": "status", "phase": "asleep"})
    expect(met.page.locator("#toast")).to_contain_text("does not understand (phase:")
    for nonsense in (17, None, [], {"type": "weather"}, {"type": "welcome", "session": {}}):
        between.say(nonsense)
    between.routes[-1].send("text")
    met.until("lightcone.unfit === 7")
    assert met.get("lightcone.phase") == "live"
    met.page.keyboard.down("ArrowRight")
    met.until_cell("right", True)
    assert errors == []


@pytest.mark.parametrize(
    ("code", "title", "text"),
    [
        (4406, "This will not work", "This page is of another version. Reload it."),
        (4401, "You are not let in", "Your access is over. Open a new link to come back."),
        (4409, "Your seat is used elsewhere", "Another tab or window took it."),
        (1012, "Connection lost", "The server goes down. The page comes back with it."),
        (4410, "This session has ended", "This session has ended. Nobody was here for 300 s."),
    ],
)
def test_a_closed_connection_is_explained(
    met: DemoPage, between: Between, code: int, title: str, text: str
) -> None:
    for_good = code not in (1012, 4410)
    if not for_good:  # the way back is too quick to be read
        met.page.context.route("**/sessions/*", lambda route: route.abort())
    met.page.evaluate(WATCH_VEIL)
    between.hang_up(code, "nobody was here for 300 s")
    shown = f"window.texts.some((each) => each.includes({title!r}) && each.includes({text!r}))"
    met.until(shown)
    if for_good:
        assert met.get("lightcone.phase") == "refused"


def test_a_server_that_lets_nobody_in_is_not_asked_again_and_again(
    context: BrowserContext, server: Served
) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append("once")
        body = '{"code": "unauthorised", "detail": "open a link with a key"}'
        route.fulfill(status=401, content_type="application/problem+json", body=body)

    context.route("**/sessions", refuse)
    page = DemoPage(context.new_page())
    page.open(server.url)
    expect(page.page.locator("#veil-title")).to_have_text("You are not let in")
    expect(page.page.locator("#veil-text")).to_contain_text("Open a link with a key.")
    assert page.get("lightcone.phase") == "refused"
    assert asked == ["once"]
