"""The ICE servers (STUN, TURN) of viewers, with time-limited credentials."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import digest

from lightcone.streaming import Relay

_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:(?P<port>\d{1,5}))?"
    r"(\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True)
class IceUrl:
    """Of a server (RFC 7064, RFC 7065)."""

    text: str
    scheme: str
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, text: str) -> IceUrl:
        """Raises ValueError."""
        found = _URL.fullmatch(text)
        stun = text.startswith("stun")
        if found is None or (stun and found["transport"]) or int(found["port"] or 1) not in PORTS:
            raise ValueError(f"'{text}' is no URL such as turn:turn.example.org:3478?transport=udp")
        secure = found["scheme"].endswith("s")
        port = int(found["port"] or (5349 if secure else 3478))
        transport = found["transport"] or ("tcp" if secure else "udp")
        return cls(text, found["scheme"], found["host"].strip("[]"), port, transport)

    @property
    def relays(self) -> bool:
        return self.scheme.startswith("turn")


PORTS = range(1, 65536)


@dataclass(frozen=True)
class IceServers:
    """`secret` is the one that the TURN servers have (coturn's `static-auth-secret`). Raises
    ValueError for a URL that can not be read, and for a TURN server without a secret."""

    urls: tuple[IceUrl, ...] = ()
    secret: str | None = field(default=None, repr=False)
    seconds: float = 12 * 3600
    now: Callable[[], float] = time.time

    @classmethod
    def of(cls, texts: Sequence[str], secret: str | None, seconds: float) -> IceServers:
        urls = tuple(IceUrl.parse(text) for text in texts)
        if secret is None and any(url.relays for url in urls):
            raise ValueError("a TURN server needs a secret (turn-secret-file)")
        return cls(urls, secret, seconds)

    def credentials(self, name: str) -> tuple[str, str]:
        """User name and password for somebody of this name, good for `seconds`: the password is an
        HMAC of the user name, which begins with its end (draft-uberti-behave-turn-rest-00)."""
        assert self.secret is not None
        user = f"{int(self.now() + self.seconds)}:{name}"
        password = digest(self.secret.encode(), user.encode(), "sha1")
        return user, b64encode(password).decode()

    def links(self, name: str) -> list[str]:
        """Values of `Link` headers (RFC 9725 section 4.6)."""
        return [self._link(url, name) for url in self.urls]

    def relay(self) -> Relay | None:
        """The first TURN server, for this server's own use."""
        url = next((url for url in self.urls if url.relays), None)
        if url is None:
            return None
        return Relay(
            url.host, url.port, url.transport, url.scheme == "turns", *self.credentials("server")
        )

    def _link(self, url: IceUrl, name: str) -> str:
        link = f'<{url.text}>; rel="ice-server"'
        if not url.relays:
            return link
        user, password = self.credentials(name)
        return f'{link}; username="{user}"; credential="{password}"; credential-type="password"'
