from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.access.hosts import Hosts, is_loopback

HERE = "here.example:8080"
FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8080", True),
        ("LOCALHOST", True),
        ("world.localhost", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.168.1.7:8080", True),  # an address can not be rebound
        ("play.example.org", True),
        ("PLAY.example.org:443", True),
        ("box", True),
        ("rebound.example", False),
        ("localhost.rebound.example", False),
        ("play.example.org.rebound.example", False),
        ("play.example.org@rebound.example", False),
        ("play.example.org/..", False),
        ("localhost:notaport", False),
        ("", False),
        (None, False),
    ],
)
def test_names_that_a_server_answers_to(host: str | None, known: bool) -> None:
    hosts = Hosts.of("box", ["https://play.example.org/"], [])
    assert hosts.answers_to(host) is known


@given(st.text(max_size=40))
def test_any_host_header_is_judged(host: str) -> None:
    assert Hosts().answers_to(host) in (True, False)


@pytest.mark.parametrize("url", ["play.example.org", "ftp://x", "https://", ""])
def test_a_public_url_is_one(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL"):
        Hosts.of("127.0.0.1", [url], [])


@pytest.mark.parametrize(
    ("method", "origin", "site", "allowed", "may"),
    [
        ("POST", None, None, [], True),
        ("POST", None, "cross-site", [], False),
        ("POST", None, "same-site", [], False),
        ("DELETE", None, "same-origin", [], True),
        ("WEBSOCKET", f"http://{HERE}", None, [], True),
        ("WEBSOCKET", f"https://{HERE}", None, [], True),
        ("POST", "http://here.example:8081", None, [], False),
        ("WEBSOCKET", "null", None, [], False),
        ("POST", STRANGER, None, [], False),
        ("POST", STRANGER, None, [FRIEND], False),
        ("WEBSOCKET", FRIEND, None, [FRIEND], True),
        ("DELETE", STRANGER, None, ["*"], True),
        ("GET", STRANGER, "cross-site", [], True),  # CORS keeps the answer from it
    ],
)
def test_pages_that_may_use_it(
    method: str, origin: str | None, site: str | None, allowed: list[str], may: bool
) -> None:
    hosts = Hosts.of("127.0.0.1", [], allowed)
    assert hosts.may_use(method, HERE, origin, site) is may


def test_an_origin_without_a_host_is_a_stranger() -> None:
    assert not Hosts().may_use("POST", None, STRANGER, None)


@pytest.mark.parametrize(
    ("bound", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_only_this_machine_reaches(bound: str, alone: bool) -> None:
    assert is_loopback(bound) is alone
