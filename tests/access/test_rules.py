from __future__ import annotations

import pytest

from lightcone.server.access.rules import WEBSOCKET, Rule, rule_of


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/", Rule(None)),
        ("GET", "/assets/index.js", Rule(None)),
        ("HEAD", "/sessions", Rule("watch")),
        ("POST", "/sessions", Rule("drive", "sessions")),
        ("DELETE", "/sessions/abc", Rule("drive", None, "abc")),
        ("POST", "/sessions/abc/whep", Rule("watch", "offers", "abc")),
        (WEBSOCKET, "/sessions/abc/control", Rule("watch", None, "abc")),
        ("POST", "/something/new", Rule("admin")),
        (WEBSOCKET, "/something/new", Rule("admin")),
        ("OPTIONS", "/sessions/abc/whep", Rule("watch", None, "abc")),
        ("OPTIONS", "/sessions", Rule(None)),
    ],
)
def test_what_a_request_needs(method: str, path: str, rule: Rule) -> None:
    assert rule_of(method, path) == rule
