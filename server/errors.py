"""The base of what the server refuses at its edge."""

from __future__ import annotations


class LightconeError(Exception):
    """Its message is one readable line."""
