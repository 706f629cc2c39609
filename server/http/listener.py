"""The socket that a server listens on."""

from __future__ import annotations

import socket

from lightcone.server.errors import LightconeError


class PortUnavailable(LightconeError):
    """The address can not be listened on."""


def bind(host: str, port: int) -> socket.socket:
    """A socket with this address that does not listen yet; port 0 takes a free one.

    Raises PortUnavailable.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise _unavailable(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unavailable(host, port, error) from error
    return listener


def listen(listener: socket.socket) -> str:
    """Begin to take connections; returns the URL.

    Raises PortUnavailable where somebody else who had bound the address was quicker.
    """
    host, port = listener.getsockname()[:2]
    try:
        listener.listen()
    except OSError as error:
        raise _unavailable(host, port, error) from error
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _unavailable(host: str, port: int, error: OSError) -> PortUnavailable:
    return PortUnavailable(f"can not listen on {host}:{port}: {error.strerror or error}")
