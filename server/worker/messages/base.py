"""What all messages have in common."""

from __future__ import annotations

from typing import Literal

import msgspec

Codec = Literal["H264", "VP8"]
RewindAction = Literal["start", "stop", "to"]


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of all messages."""
