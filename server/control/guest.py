"""What the client of a control websocket may do."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.server.access.access import Payer


@dataclass(frozen=True)
class Guest:
    """`left_s` is for how long, None for any time."""

    may_drive: bool
    left_s: float | None
    payer: Payer
