"""What is refused of a picture."""

from __future__ import annotations

from lightcone.server.errors import LightconeError


class BadImage(LightconeError):
    """Not a picture that a world can start from."""


class DecoderUnavailable(LightconeError):
    """No process could be started to decode a picture in."""
