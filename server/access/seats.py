"""Who takes part in a world over its control websocket, and who of them drives. Sans-IO."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lightcone.model.interface import Axis
from lightcone.server.control.outbox import Outbox
from lightcone.server.control.protocol import Role
from lightcone.server.scheduling.input import HeldInput


@dataclass(eq=False)
class Seat:
    """One control client. `input` is there while it drives."""

    want: Role
    outbox: Outbox
    input: HeldInput | None = None

    @property
    def role(self) -> Role:
        return "viewer" if self.input is None else "driver"


class Seats:
    """In the order in which they came. The first who asked for the wheel drives; when they
    leave, everything is released and the next who asked drives, with a fresh input. Times are
    monotonic seconds."""

    def __init__(self, buttons: Iterable[str], axes: Iterable[Axis]) -> None:
        self._buttons = tuple(buttons)
        self._axes = tuple(axes)
        self._seats: list[Seat] = []

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats)

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def driver(self) -> Seat | None:
        return next((seat for seat in self._seats if seat.input is not None), None)

    def join(self, want: Role, now: float) -> Seat:
        seat = Seat(want, Outbox())
        self._seats.append(seat)
        self._hand_over_wheel(now)
        return seat

    def leave(self, seat: Seat, now: float) -> None:
        self._seats.remove(seat)
        seat.input = None
        self._hand_over_wheel(now)

    def _hand_over_wheel(self, now: float) -> None:
        if self.driver is None:
            waiting = next((seat for seat in self._seats if seat.want == "driver"), None)
            if waiting is not None:
                waiting.input = HeldInput(self._buttons, self._axes, now)
