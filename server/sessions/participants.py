"""The control clients of a session: their seats, what they are sent, and what time does to them.
The thin shell around `Seats`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lightcone.server.access.seats import NoSeat, Seat, SeatRules, Seats
from lightcone.server.control.outbox import Goodbye, Outbox, fatal
from lightcone.server.control.protocol import (
    CLOSE_TAKEN_OVER,
    CLOSE_TOO_MANY,
    Error,
    Hello,
    Message,
    Role,
    Status,
    Wheel,
)


class Participants:
    """Lives on the running event loop.

    `status` makes a status for a role; `on_release` is called when what is held counts no more:
    another seat drives, or nobody, or the driver's connection is gone. `on_driven` is called with
    whether somebody drives, when that changes; a driver's grace time counts.
    """

    def __init__(
        self,
        rules: SeatRules,
        status: Callable[[Role], Status],
        on_release: Callable[[], None],
        on_driven: Callable[[bool], None],
    ) -> None:
        self.seats = Seats(rules)
        self.driven = False  # as of the last change
        self._status = status
        self._on_release = on_release
        self._on_driven = on_driven
        self._most = rules.most
        self._places = 0
        self._outboxes: dict[str, Outbox] = {}  # by seat id, of those with a connection
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._held_by: str | None = None  # the driver whose input counts
        self._closed = False

    @property
    def present(self) -> int:
        return len(self._outboxes)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one connection, taken before its hello. Raises Goodbye."""
        if self._places >= self._most:
            raise fatal("too_many_clients", CLOSE_TOO_MANY, f"{self._most} take part already")
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    def join(self, hello: Hello, may_drive: bool) -> tuple[Seat, Outbox]:
        """The seat of a connection; the outbox is the connection's. Raises Goodbye."""
        now = self._loop.time()
        outbox = Outbox()
        seat = None
        if hello.resume is not None:
            seat = self.seats.resume(hello.resume, now, may_drive)
        if seat is None:
            seat = self._new_seat(hello, now, may_drive, outbox)
        else:
            self._take_over(seat)
        self._outboxes[seat.id] = outbox
        return seat, outbox

    def leave(self, seat: Seat, outbox: Outbox) -> None:
        """The connection is gone. Does nothing to a seat that another one has taken over."""
        if self._outboxes.get(seat.id) is outbox:
            del self._outboxes[seat.id]
            self.seats.leave(seat, self._loop.time())
            self.changed()

    def wheel(self, seat: Seat, message: Wheel) -> None:
        """Raises ProtocolError."""
        now = self._loop.time()
        match message.action:
            case "ask":
                self.seats.ask(seat, now)
            case "give":
                self.seats.give(seat, message.seat, now)
            case "leave":
                self.seats.let_go(seat, now)
        self.changed()

    def drives(self, seat: Seat) -> bool:
        return seat is self.seats.driver

    def put(self, seat_id: str, message: Message) -> None:
        """To one seat, whichever connection it has now; to nobody while it has none."""
        outbox = self._outboxes.get(seat_id)
        if outbox is not None:
            outbox.put(message)

    def put_all(self, message: Message) -> None:
        for outbox in self._outboxes.values():
            outbox.put(message)

    def put_status(self) -> None:
        for seat in self.seats:
            if seat.id in self._outboxes:
                self._outboxes[seat.id].put(self._status(self.seats.role(seat)))

    def changed(self) -> None:
        """Somebody came, went or has another role: everybody gets a status."""
        driver = self.seats.driver
        holder = driver.id if driver is not None and driver.present else None
        if holder != self._held_by:
            if self._held_by is not None:
                self._on_release()
            self._held_by = holder
        if self.driven != (driver is not None):
            self.driven = driver is not None
            self._on_driven(self.driven)
        self.put_status()
        self._arm()

    def close(self, goodbye: Goodbye) -> None:
        """Hang up on everybody."""
        self._closed = True
        self._arm()
        for outbox in self._outboxes.values():
            outbox.hang_up(goodbye)

    def _new_seat(self, hello: Hello, now: float, may_drive: bool, outbox: Outbox) -> Seat:
        try:
            seat = self.seats.join(hello.want, now, may_drive)
        except NoSeat as error:
            raise fatal("too_many_clients", CLOSE_TOO_MANY, str(error)) from error
        if hello.resume is not None:
            text = "no seat of this session has this token; this is a new one"
            outbox.put(Error(code="unknown_token", message=text))
        return seat

    def _take_over(self, seat: Seat) -> None:
        older = self._outboxes.pop(seat.id, None)
        if older is not None:
            text = "another connection took this seat"
            older.hang_up(fatal("taken_over", CLOSE_TAKEN_OVER, text))
            if seat.id == self._held_by:
                self._on_release()  # the new connection holds nothing yet

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.seats.next_deadline(self._loop.time())
        if deadline is not None and not self._closed:
            self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self.seats.tick(self._loop.time())
        self.changed()
