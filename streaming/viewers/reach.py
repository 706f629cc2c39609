"""Which addresses a viewer may have this server send to, before any has proved that it is there.

ICE (RFC 8445) sends a check to each candidate of an offer. Without a rule, an offer names addresses
of somebody else, and the server sends packets there for it (RFC 8445 section 19.5.1). A viewer
loses nothing by the rule: its own checks bring the address that it has, whatever it named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FIRST_PORT = 1024  # those below are of services, never of a viewer

PRIVATE = tuple(
    ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Reach:
    """`viewer` is the address from which an offer came, as HTTP saw it; None where it is not known.
    Candidates with this address are tried, those in `networks`, and private ones (RFC 1918, RFC
    4193) where the viewer's address is one. Those of this machine are tried for viewers on it."""

    viewer: Address | None = None
    networks: tuple[Network, ...] = ()

    def permits(self, host: str, port: int) -> bool:
        """Whether a check may be sent there. Names, which only a local network can resolve (mDNS),
        are none."""
        address = parse_address(host)
        if address is None or address.is_multicast or address.is_unspecified:
            return False
        if not FIRST_PORT <= port <= 65535:
            return False
        if address == self.viewer or any(address in network for network in self.networks):
            return True
        if self.viewer is None or (address.is_loopback and not self.viewer.is_loopback):
            return False
        return _is_local(self.viewer) and _is_local(address)


def parse_address(text: str | None) -> Address | None:
    """An IPv6 address that stands for an IPv4 one (RFC 4291 section 2.5.5.2) is that one. None for
    what is no address."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses with the length of a prefix, like 203.0.113.0/24. Raises ValueError."""
    return tuple(ip_network(text) for text in texts)


def _is_local(address: Address) -> bool:
    return address.is_loopback or any(address in network for network in PRIVATE)
