"""The socket that a server listens on."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from lightcone.server.errors import LightconeError


class PortUnavailable(LightconeError):
    """The address can not be listened on."""


class BadCertificate(LightconeError):
    """A certificate or its key can not be used."""


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


def check_certificate(cert: Path, key: Path) -> None:
    """Raises BadCertificate for files that TLS can not be served with."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or str(error)
        raise BadCertificate(f"no TLS with {cert} and {key}: {reason}") from error


def listen(listener: socket.socket, tls: bool) -> str:
    """Begin to take connections; returns the URL.

    Raises PortUnavailable where somebody else who had bound the address was quicker.
    """
    host, port = listener.getsockname()[:2]
    try:
        listener.listen()
    except OSError as error:
        raise _unavailable(host, port, error) from error
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _unavailable(host: str, port: int, error: OSError) -> PortUnavailable:
    return PortUnavailable(f"can not listen on {host}:{port}: {error.strerror or error}")
