"""The lines of an action log: JSON, as short as can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
CHECK_BYTES = 16


def line_of(value: Mapping[str, Any]) -> bytes:
    """Raises ValueError where a number is not finite."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def last_line(chunks: int, check: str) -> bytes:
    """`check` is over all bytes before it."""
    return line_of({"end": chunks, "check": check})
