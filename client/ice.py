"""The STUN and TURN servers that a server names (RFC 9725 section 4.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiortc import RTCIceServer

_LINK = re.compile(r'<(?P<url>[^>]*)>(?P<parameters>(?:\s*;\s*[\w-]+="[^"]*")*)')
_PARAMETER = re.compile(r'([\w-]+)="([^"]*)"')
_SCHEMES = ("stun:", "stuns:", "turn:", "turns:")


def ice_servers(links: Sequence[str]) -> list[RTCIceServer]:
    """Those in the values of `Link` headers. aiortc uses the first STUN and the first TURN server
    of them; what is no such link is passed over."""
    found = []
    for link in _LINK.finditer(", ".join(links)):
        parameters = dict(_PARAMETER.findall(link["parameters"]))
        if parameters.get("rel") == "ice-server" and link["url"].startswith(_SCHEMES):
            user, password = parameters.get("username"), parameters.get("credential")
            found.append(RTCIceServer(link["url"], user, password))
    return found
