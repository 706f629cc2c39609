"""What a session was made from, and the rules that it lives by."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.model.interface import WorldInfo
from lightcone.server.access.access import NOBODY, Payer
from lightcone.server.access.seats import SeatRules
from lightcone.server.cli.settings import Settings
from lightcone.server.errors import LightconeError
from lightcone.server.worker import messages as wire


class SessionOver(LightconeError):
    """The session has ended or failed."""


@dataclass(frozen=True)
class Origin:
    """What a session was made from. `seed` is None where a snapshot does not tell it."""

    id: str
    info: WorldInfo
    seed: int | None
    prompt: str
    owner: Payer = NOBODY


@dataclass(frozen=True)
class SessionRules:
    seats: SeatRules
    sending: wire.Sending
    history_s: float
    idle_s: float  # after so long with nobody there it is idle
    play_recorded: bool = False  # by its worker, for training
    consent: str = ""  # of those who play, to that

    @classmethod
    def of(cls, settings: Settings, sending: wire.Sending) -> SessionRules:
        """As the server is set, for a session that is sent like this."""
        return cls(
            settings.seat_rules,
            sending,
            settings.history_s,
            settings.idle_timeout_s,
            play_recorded=settings.record is not None,
            consent=settings.consent,
        )
