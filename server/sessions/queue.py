"""Who waits for room for a session: first come, first served. Sans-IO: times are monotonic
seconds, given by the caller."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Generic, TypeVar

from lightcone.server.errors import LightconeError

T = TypeVar("T")

LAPSE_S = 15.0  # who does not ask for so long has gone
MOST = 64


class QueueFull(LightconeError):
    """Too many wait already."""


@dataclass(eq=False)
class Ticket(Generic[T]):
    """A place in the queue. `taken` while its session is being made."""

    id: str
    wanted: T
    asked: float
    taken: bool = False


class Queue(Generic[T]):
    """Tickets in the order in which they came. One that is not asked for lapses."""

    def __init__(self, lapse_s: float = LAPSE_S, most: int = MOST) -> None:
        self._lapse_s = lapse_s
        self._most = most
        self._tickets: dict[str, Ticket[T]] = {}

    def waiting(self, now: float) -> int:
        """How many wait."""
        self._expire(now)
        return len(self._tickets)

    def join(self, wanted: T, now: float) -> Ticket[T]:
        """Raises QueueFull."""
        if self.waiting(now) >= self._most:
            raise QueueFull(f"{self._most} wait already")
        ticket = Ticket(secrets.token_urlsafe(12), wanted, now)
        self._tickets[ticket.id] = ticket
        return ticket

    def poll(self, ticket_id: str, now: float) -> Ticket[T] | None:
        """The ticket, which lapses later from now on; None where there is none."""
        self._expire(now)
        ticket = self._tickets.get(ticket_id)
        if ticket is not None:
            ticket.asked = now
        return ticket

    def place(self, ticket: Ticket[T]) -> int:
        """1 for the first."""
        return list(self._tickets.values()).index(ticket) + 1

    def leave(self, ticket: Ticket[T]) -> None:
        """Does nothing for a ticket that is gone already."""
        self._tickets.pop(ticket.id, None)

    def _expire(self, now: float) -> None:
        for ticket in list(self._tickets.values()):
            if not ticket.taken and now > ticket.asked + self._lapse_s:
                del self._tickets[ticket.id]
