"""What the driver of a world holds, and which chunk carries each of their messages. Sans-IO.

A chunk holds what is held when it starts, and whatever was pressed since the chunk before
started: a tap shorter than a chunk is never lost, and lasts one chunk. The message that
released it is then carried by the chunk after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from server.protocol import Input, ProtocolError

MAX_PENDING = 512  # messages that wait for a chunk; of more, the oldest get no receipt


@dataclass(frozen=True)
class Sample:
    """What one chunk holds, and the messages (seq, client's clock) that it carries."""

    held: frozenset[str]
    carried: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class _Pending:
    seq: int
    t: float
    released: frozenset[str]


class HeldInput:
    """The input of one driver of a world with these buttons."""

    def __init__(self, buttons: Iterable[str]) -> None:
        self._buttons = frozenset(buttons)
        self._held: frozenset[str] = frozenset()
        self._pressed: frozenset[str] = frozenset()  # since the last sample
        self._last_seq = -1
        self._deferred: tuple[_Pending, ...] = ()
        self._pending: deque[_Pending] = deque(maxlen=MAX_PENDING)

    def accept(self, message: Input) -> None:
        """Raises ProtocolError, having changed nothing, for an unknown button or a stale seq."""
        held = frozenset(message.buttons)
        if unknown := sorted(held - self._buttons):
            raise ProtocolError("unknown_button", f"no such button: {', '.join(unknown)[:200]}")
        if message.seq <= self._last_seq:
            raise ProtocolError(
                "stale_sequence", f"seq {message.seq} is not after {self._last_seq}"
            )
        self._last_seq = message.seq
        self._pressed |= held - self._held
        self._pending.append(_Pending(message.seq, message.t, self._held - held))
        self._held = held

    def sample(self) -> Sample:
        """The input of the chunk that starts now.

        A message whose release this chunk does not show yet, because of a tap, is carried by
        the next one; every other pending message by this one.
        """
        held = self._held | self._pressed
        tapped = held - self._held
        carried = [*self._deferred]
        deferred: list[_Pending] = []
        for message in self._pending:
            (deferred if message.released & tapped else carried).append(message)
        self._pressed = frozenset()
        self._pending.clear()
        self._deferred = tuple(deferred)
        return Sample(held, tuple((m.seq, m.t) for m in carried))
