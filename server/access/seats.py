"""Seats of a session, and who of them drives. Sans-IO: times are monotonic seconds, given by the
caller.

A seat outlives its connection by the grace time, so that a reload or a change of network takes
the same seat again with its token. What time brings (the end of a grace time or of a turn) happens
in `tick`, and before anything else; `next_deadline` says when to call it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from lightcone.server.control.protocol import ProtocolError, Role
from lightcone.server.errors import LightconeError


class NoSeat(LightconeError):
    """All seats are taken."""


@dataclass(frozen=True)
class SeatRules:
    """`grace_s`: for how long a seat is kept without a connection. `turn_s`: for how long a
    driver keeps the wheel while somebody asks for it, None for any time. `most`: seats with a
    connection, and as many without one."""

    grace_s: float = 10.0
    turn_s: float | None = None
    most: int = 64


@dataclass(eq=False)
class Seat:
    """One control client. `left` is since when it has had no connection."""

    id: str
    token: str
    may_drive: bool = True
    left: float | None = None

    @property
    def present(self) -> bool:
        return self.left is None


class Seats:
    """Everybody who takes part, in the order in which they came. At most one drives. The others
    who want to ask for the wheel, and get it in the order in which they asked."""

    def __init__(self, rules: SeatRules) -> None:
        self._rules = rules
        self._seats: dict[str, Seat] = {}
        self._driver: Seat | None = None
        self._asking: list[Seat] = []
        self._turn_since = 0.0  # of the driver's turn, which counts while somebody asks
        self._count = 0

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats.values())

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def present(self) -> int:
        """Seats with a connection."""
        return sum(seat.present for seat in self)

    @property
    def driver(self) -> Seat | None:
        return self._driver

    @property
    def asking(self) -> tuple[Seat, ...]:
        return tuple(self._asking)

    def role(self, seat: Seat) -> Role:
        return "driver" if seat is self._driver else "spectator"

    def join(self, want: Role, now: float, may_drive: bool = True) -> Seat:
        """A new seat. One that wants to drive, and may, asks for the wheel. Raises NoSeat."""
        self.tick(now)
        if self.present >= self._rules.most:
            raise NoSeat(f"{self._rules.most} take part already")
        if len(self) >= 2 * self._rules.most:
            self._forget(min((s for s in self if not s.present), key=lambda s: s.left or 0.0))
        self._count += 1
        seat = Seat(f"s{self._count}", secrets.token_urlsafe(16), may_drive)
        self._seats[seat.id] = seat
        if want == "driver" and may_drive:
            self._ask(seat, now)
        self._pass_wheel(now)
        return seat

    def resume(self, token: str, now: float, may_drive: bool = True) -> Seat | None:
        """The seat with this token, which has a connection again; its role and its place among
        those who ask are as they were, where it still may drive. None where no seat has it."""
        self.tick(now)
        found = [s for s in self if secrets.compare_digest(s.token.encode(), token.encode())]
        for seat in found:
            if seat in self._asking and not self._waiting():
                self._turn_since = now
            seat.left = None
            seat.may_drive = seat.may_drive and may_drive
            if not seat.may_drive:
                self.let_go(seat, now)
            self._pass_wheel(now)
            return seat
        return None

    def leave(self, seat: Seat, now: float) -> None:
        """The connection of `seat` is gone; its grace time begins."""
        self.tick(now)
        if seat.id in self._seats:
            seat.left = now
            self.tick(now)

    def ask(self, seat: Seat, now: float) -> None:
        """`seat` drives as soon as the wheel is free. Raises ProtocolError."""
        self.tick(now)
        if not seat.may_drive:
            raise ProtocolError("forbidden", "your token is for watching")
        if seat is not self._driver and seat not in self._asking:
            self._ask(seat, now)
            self._pass_wheel(now)

    def give(self, seat: Seat, to: str | None, now: float) -> None:
        """`seat`, the driver, hands the wheel to the seat `to`, or to the first who asks. Raises
        ProtocolError."""
        self.tick(now)
        if seat is not self._driver:
            raise ProtocolError("not_driver", "only the driver can give the wheel away")
        if to is None:
            new = next((asker for asker in self._asking if asker.present), None)
            missing = "nobody asks for the wheel"
        else:
            new = self._seats.get(to)
            missing = f"no seat '{to}'"
        if new is None or not new.present:
            raise ProtocolError("unknown_seat", missing)
        if not new.may_drive:
            raise ProtocolError("forbidden", f"the token of seat '{new.id}' is for watching")
        if new is not seat:
            self._drives(new, now)

    def let_go(self, seat: Seat, now: float) -> None:
        """`seat` only watches from now on: it lets go of the wheel, or asks no more."""
        self.tick(now)
        if seat is self._driver:
            self._driver = None
        elif seat in self._asking:
            self._asking.remove(seat)
        self._pass_wheel(now)

    def turn_left(self, now: float) -> float | None:
        """Seconds until the driver's turn ends; None while nobody asks, or turns have no end."""
        if self._driver is None or self._rules.turn_s is None or not self._waiting():
            return None
        return max(0.0, self._turn_since + self._rules.turn_s - now)

    def next_deadline(self, now: float) -> float | None:
        """The moment at which `tick` changes something next."""
        moments = [seat.left + self._rules.grace_s for seat in self if seat.left is not None]
        left = self.turn_left(now)
        if left is not None:
            moments.append(now + left)
        return min(moments, default=None)

    def tick(self, now: float) -> None:
        """Forget seats whose grace time is over, and end a turn that is."""
        for seat in list(self):
            if seat.left is not None and now >= seat.left + self._rules.grace_s:
                self._forget(seat)
        self._pass_wheel(now)
        if self.turn_left(now) == 0.0:
            self._driver = None
            self._pass_wheel(now)

    def _waiting(self) -> bool:
        """Whether somebody who is there asks."""
        return any(seat.present for seat in self._asking)

    def _ask(self, seat: Seat, now: float) -> None:
        if not self._waiting():
            self._turn_since = now  # a driver whom nobody waited for has a whole turn yet
        self._asking.append(seat)

    def _forget(self, seat: Seat) -> None:
        del self._seats[seat.id]
        if seat in self._asking:
            self._asking.remove(seat)
        if seat is self._driver:
            self._driver = None

    def _pass_wheel(self, now: float) -> None:
        """A free wheel goes to the first who asks and is there."""
        if self._driver is None:
            for seat in self._asking:
                if seat.present:
                    self._drives(seat, now)
                    return

    def _drives(self, seat: Seat, now: float) -> None:
        if seat in self._asking:
            self._asking.remove(seat)
        self._driver = seat
        self._turn_since = now
