"""Links to the page that carry a role: `/?key=...`, exchanged for a token when they are opened."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

LINK = "key"


def link_to(base: str, key: str, session: str | None) -> str:
    """The page below the URL `base`, with this key, on a session or on none."""
    query = {LINK: key} | ({} if session is None else {"session": session})
    return f"{base.rstrip('/')}/?{urlencode(query)}"


def without_key(path: str, query: str) -> str:
    """The same address without the key. A path never names another host (RFC 3986 section 4.2)."""
    rest = [(name, value) for name, value in parse_qsl(query) if name != LINK]
    return "/" + path.lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
