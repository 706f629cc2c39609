"""The base of what the server refuses at its edge, and how texts from outside are written."""

from __future__ import annotations

from typing import ClassVar

MAX_TEXT = 300  # characters of a text from outside that are worth writing


class LightconeError(Exception):
    """Its message is one readable line. `outward` is what clients read instead where the message
    may name what is inside: a path, a library, what somebody else's code raised."""

    outward: ClassVar[str | None] = None


def printable(text: str, most: int = MAX_TEXT) -> str:
    """Text from outside as a part of one line: what would end the line, or move the cursor of who
    reads it, is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:most])
