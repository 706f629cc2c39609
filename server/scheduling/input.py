"""What the driver of a world holds, and which chunk carries each of their messages. Sans-IO:
times are monotonic seconds, given by the caller.

A chunk holds what is held when it starts, and whatever was pressed since the chunk before
started: a tap shorter than a chunk is never lost, and lasts one chunk. The message that
released it is then carried by the chunk after. An axis has its mean since the chunk before, so
that what moved between two chunks is neither lost nor doubled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lightcone.model.interface import Axis
from lightcone.server.control.protocol import (
    Input,
    ProtocolError,
)
from lightcone.server.scheduling.axis import AxisMean

AT_REST = 1e-6  # what is left of a strength by rounding
MAX_PENDING = 512  # messages that wait for a chunk; of more, the oldest get no receipt


@dataclass(frozen=True)
class Sample:
    """What one chunk holds, how far each axis is moved (those not at rest), and the messages
    (seq, client's clock) that it carries."""

    held: frozenset[str] = frozenset()
    carried: tuple[tuple[int, float], ...] = ()
    axes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pending:
    seq: int
    t: float
    released: frozenset[str]


class HeldInput:
    """The input of one driver of a world with these buttons and axes, from `now` on."""

    def __init__(self, buttons: Iterable[str], axes: Iterable[Axis], now: float) -> None:
        self._buttons = frozenset(buttons)
        self._axes = {axis.name: axis for axis in axes}
        self._means = {name: AxisMean(a.low, a.high, now) for name, a in self._axes.items()}
        self._held: frozenset[str] = frozenset()
        self._pressed: frozenset[str] = frozenset()  # since the last sample
        self._last_seq = -1
        self._deferred: tuple[_Pending, ...] = ()
        self._pending: deque[_Pending] = deque(maxlen=MAX_PENDING)

    def accept(self, message: Input, now: float) -> None:
        """Raises ProtocolError, having changed nothing, for an unknown button or axis, a strength
        out of range, or a stale seq."""
        held = frozenset(message.buttons)
        if unknown := sorted(held - self._buttons):
            raise ProtocolError("unknown_button", f"no such button: {', '.join(unknown)[:200]}")
        self._check_axes(message.axes)
        self.take_number(message.seq)
        for name, mean in self._means.items():
            mean.move(message.axes.get(name, 0.0), now, message.t / 1000)
        self._pressed |= held - self._held
        self._pending.append(_Pending(message.seq, message.t, self._held - held))
        self._held = held

    def take_number(self, seq: int) -> None:
        """Raises ProtocolError where it does not come after the last one."""
        if seq <= self._last_seq:
            raise ProtocolError("stale_sequence", f"seq {seq} is not after {self._last_seq}")
        self._last_seq = seq

    def sample(self, now: float) -> Sample:
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
        return Sample(held, tuple((m.seq, m.t) for m in carried), self._sample_axes(now))

    def _check_axes(self, axes: Mapping[str, float]) -> None:
        if unknown := sorted(axes.keys() - self._axes.keys()):
            raise ProtocolError("unknown_axis", f"no such axis: {', '.join(unknown)[:200]}")
        for name, strength in axes.items():
            axis = self._axes[name]
            if not axis.low <= strength <= axis.high:
                text = f"axes.{name}: {strength:g} is not from {axis.low:g} to {axis.high:g}"
                raise ProtocolError("invalid", text)

    def _sample_axes(self, now: float) -> dict[str, float]:
        means = {name: mean.sample(now) for name, mean in self._means.items()}
        return {name: mean for name, mean in means.items() if abs(mean) > AT_REST}
