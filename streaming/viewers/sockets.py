"""From where a server sends to viewers: addresses and UDP ports."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Relay:
    """A TURN server (RFC 8656): `transport` to it is "udp" or "tcp", with TLS where `tls`."""

    host: str
    port: int
    transport: str
    tls: bool
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Sockets:
    """On `addresses` of this machine, on all of them where none is given; with a port from the
    first to the last of `ports`, with any where that is None. `public` is the address outside of a
    network address translation that forwards these ports one to one, where there is one. `relay`
    gives the TURN server through which viewers are sent to, too, with a password that is good
    now."""

    addresses: tuple[str, ...] = ()
    ports: tuple[int, int] | None = None
    public: str | None = None
    relay: Callable[[], Relay | None] = lambda: None

    def chosen(self, found: Sequence[str]) -> list[str]:
        """Of the machine's addresses those to use."""
        return [address for address in found if not self.addresses or address in self.addresses]

    def ports_to_try(self) -> list[int]:
        """One after the other, until one is free; 0 is any that is."""
        if self.ports is None:
            return [0]
        first, last = self.ports
        return random.sample(range(first, last + 1), last - first + 1)


def parse_ports(text: str) -> tuple[int, int] | None:
    """`50000-50100`, or nothing. Raises ValueError."""
    if not text.strip():
        return None
    first, dash, last = text.partition("-")
    try:
        ports = int(first), int(last)
    except ValueError:
        ports = (0, 0)
    if not dash or not 1024 <= ports[0] <= ports[1] <= 65535:
        raise ValueError(f"'{text}' is no range of ports such as 50000-50100")
    return ports
