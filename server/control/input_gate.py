"""What a client's inputs must be before they reach a worker. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lightcone.model.interface import WorldInfo
from lightcone.server.control.protocol import Input, ProtocolError


class InputGate:
    """Checks the messages of one connection against the controls of a world."""

    def __init__(self, info: WorldInfo) -> None:
        self._buttons = frozenset(button.name for button in info.buttons)
        self._axes = {axis.name: axis for axis in info.axes}
        self._last_seq = -1

    def check(self, message: Input) -> None:
        """Raises ProtocolError, having changed nothing, for an unknown button or axis, a strength
        out of range, or a stale seq."""
        if unknown := sorted(frozenset(message.buttons) - self._buttons):
            raise ProtocolError("unknown_button", f"no such button: {', '.join(unknown)[:200]}")
        self._check_axes(message.axes)
        self.take_number(message.seq)

    def take_number(self, seq: int) -> None:
        """Raises ProtocolError where it does not come after the last one."""
        if seq <= self._last_seq:
            raise ProtocolError("stale_sequence", f"seq {seq} is not after {self._last_seq}")
        self._last_seq = seq

    def _check_axes(self, axes: Mapping[str, float]) -> None:
        if unknown := sorted(axes.keys() - self._axes.keys()):
            raise ProtocolError("unknown_axis", f"no such axis: {', '.join(unknown)[:200]}")
        for name, strength in axes.items():
            axis = self._axes[name]
            if not axis.low <= strength <= axis.high:
                text = f"axes.{name}: {strength:g} is not from {axis.low:g} to {axis.high:g}"
                raise ProtocolError("invalid", text)
