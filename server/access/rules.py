"""Who may do what: the scope that each request needs, and the quota that it counts for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lightcone.server.access.tokens import Scope

Quota = Literal["sessions", "offers", "uploads"]
WEBSOCKET = "WEBSOCKET"  # as a method


@dataclass(frozen=True)
class Rule:
    """`scope` None: everybody. `session` is the id that the path names."""

    scope: Scope | None
    quota: Quota | None = None
    session: str | None = None


_SESSION = r"/sessions/(?P<session>[^/]+)"
_RULES: tuple[tuple[str, str, Scope | None, Quota | None], ...] = (
    ("GET", "/healthz", None, None),
    ("GET", "/readyz", None, None),
    ("GET", "/openapi.json", None, None),
    ("GET", "/asyncapi.json", None, None),
    ("GET", "/metrics", "watch", None),
    ("GET", "/status.json", "watch", None),
    ("GET", "/catalogue", "watch", None),
    ("GET", "/sessions", "watch", None),
    ("POST", "/sessions", "drive", "sessions"),
    ("GET", "/queue/[^/]+", "drive", None),
    ("DELETE", "/queue/[^/]+", "drive", None),
    ("GET", _SESSION, "watch", None),
    ("DELETE", _SESSION, "drive", None),
    ("OPTIONS", f"{_SESSION}/whep", "watch", None),  # its answer holds passwords
    ("POST", f"{_SESSION}/whep", "watch", "offers"),
    ("DELETE", f"{_SESSION}/whep/[^/]+", "watch", None),
    (WEBSOCKET, f"{_SESSION}/control", "watch", None),
    ("POST", f"{_SESSION}/rewind", "drive", None),
    ("POST", f"{_SESSION}/fork", "drive", "sessions"),
    ("POST", f"{_SESSION}/snapshot", "drive", "uploads"),
    ("GET", f"{_SESSION}/log", "drive", None),
    ("POST", f"{_SESSION}/recording", "drive", "uploads"),
    ("DELETE", f"{_SESSION}/recording", "drive", None),
    ("POST", "/snapshots", "drive", "uploads"),
    ("GET", "/snapshots", "admin", None),
    ("GET", "/snapshots/[^/]+", "drive", None),  # an id can not be guessed
    ("DELETE", "/snapshots/[^/]+", "admin", None),
    ("GET", "/recordings/[^/]+", "drive", None),
    ("POST", "/tokens", "watch", None),
)
_COMPILED = tuple((method, re.compile(path), scope, quota) for method, path, scope, quota in _RULES)


def rule_of(method: str, path: str) -> Rule:
    """The page is for everybody; what no rule names and is no page is for admins."""
    method = "GET" if method == "HEAD" else method
    for ruled, pattern, scope, quota in _COMPILED:
        if ruled == method and (found := pattern.fullmatch(path)):
            return Rule(scope, quota, found.groupdict().get("session"))
    return Rule(None if method in ("GET", "OPTIONS") else "admin")
