"""Which web pages may use this server from a browser (the web origin concept, RFC 6454).

HTTP is guarded by CORS, in the browser; a websocket is not, so its handshake is looked at here.
"""

from __future__ import annotations

from collections.abc import Collection

ANY = "*"


def may_connect(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a websocket handshake with these `Origin` and `Host` headers is let in: those of
    allowed origins, of the page that this server serves, and of no browser (no `Origin`)."""
    if origin is None or ANY in allowed or origin in allowed:
        return True
    return host is not None and origin in (f"http://{host}", f"https://{host}")
