"""Which names a server answers to, and whose pages may use it.

A page on another site can make a browser send requests here. Its origin (RFC 6454) gives it away,
where a browser names one. Under a name of its own that it lets resolve to this machine (DNS
rebinding) it would be of the same origin, so the name itself is checked too: an address can not be
rebound, a name can.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

ANY = "*"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 section 9.2.1


@dataclass(frozen=True)
class Hosts:
    """`names` beside the loopback ones and every address; `origins` of other pages that may use
    this server, or ANY."""

    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bound: str, public_urls: Collection[str], origins: Collection[str]) -> Hosts:
        """For a server that listens on the host `bound` and has these URLs outside. Raises
        ValueError for what is no URL."""
        names = {bound.lower(), *(_name_of_url(url) for url in public_urls)}
        return cls(frozenset(names), frozenset(origins))

    def answers_to(self, host: str | None) -> bool:
        """Whether the `Host` of a request (RFC 9110 section 7.2) is this server."""
        name = _name(host or "")
        return name is not None and (name in self.names or _local(name) or _is_address(name))

    def may_use(self, method: str, host: str | None, origin: str | None, site: str | None) -> bool:
        """Whether a request with these `Origin` and `Sec-Fetch-Site` headers may change something
        here. A request without both is from no browser. `method` "WEBSOCKET" is a handshake."""
        if method in _SAFE or ANY in self.origins:
            return True
        if origin is None:
            return site in (None, "same-origin", "none")
        own = (f"http://{host}", f"https://{host}")
        return origin in self.origins or (host is not None and origin.lower() in own)


def is_loopback(bound: str) -> bool:
    """Whether only this machine reaches a server that listens on this host."""
    return _local(bound.lower().strip("[]"))


def _name_of_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{url}' is no URL such as https://play.example.org")
    return parts.hostname


def _name(host: str) -> str | None:
    """Without the port; None where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    plain = parts.netloc == host and not parts.path and "@" not in host
    return parts.hostname if plain else None


def _local(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
