"""What the driver of a session holds, and which frame shows each of their messages first. Sans-IO:
times are monotonic seconds, given by the caller. Messages are checked before they come here.

Inputs are sampled once for each chunk, when it starts. A chunk holds what is held at that moment.
A button that was pressed and released again since the sample before is held from its first frame
on, for as long as it was held in truth, so that a tap is never lost. An axis has its mean since
the sample before, so that what moved between two samples is neither lost nor doubled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightcone.model.interface import Actions, WorldInfo
from lightcone.server.scheduling.axis import AxisMean

AT_REST = 1e-6  # what is left of a strength by rounding
MAX_PENDING = 512  # messages that wait for a chunk; of more, the oldest get no receipt


@dataclass(frozen=True)
class Shown:
    """A message of a seat, the frame of the chunk, from 0, that shows it first, and how long it
    had waited for the chunk to start."""

    seat: str
    seq: int
    t: float
    frame: int
    waited_s: float


@dataclass(frozen=True)
class Sample:
    """The actions of one chunk, and the messages that it carries, in order of their frames."""

    actions: Actions
    carried: tuple[Shown, ...]


@dataclass(frozen=True)
class _Pending:
    seat: str
    seq: int
    t: float
    released: frozenset[str]
    came: float


class HeldInput:
    """The input of one session of a world, from `now` on."""

    def __init__(self, info: WorldInfo, now: float) -> None:
        self._info = info
        self._columns = {button.name: i for i, button in enumerate(info.buttons)}
        self._seat: str | None = None
        self._held: frozenset[str] = frozenset()
        self._since: dict[str, float] = {}  # client's clock of presses since the last sample
        self._lasted: dict[str, float] = {}  # ms of those that were released again
        self._deferred: tuple[_Pending, ...] = ()
        self._pending: deque[_Pending] = deque(maxlen=MAX_PENDING)
        self._means = self._at_rest(now)

    def accept(
        self,
        seat: str,
        seq: int,
        t: float,
        buttons: Sequence[str],
        axes: Mapping[str, float],
        now: float,
    ) -> None:
        """Exactly this is held from now on, by this seat; `t` is its clock, ms. What another seat
        held is released. Raises KeyError for an unknown button."""
        if self._seat not in (None, seat):
            self.release(now)
        self._seat = seat
        held = frozenset(buttons)
        if unknown := held - self._columns.keys():
            raise KeyError(sorted(unknown)[0])
        for name in held - self._held:
            self._since[name] = t
        for name in self._held - held:
            if name in self._since:
                self._lasted[name] = self._lasted.get(name, 0.0) + t - self._since.pop(name)
        for name, mean in self._means.items():
            mean.move(axes.get(name, 0.0), now, t / 1000)
        self._pending.append(_Pending(seat, seq, t, self._held - held, now))
        self._held = held

    def release(self, now: float) -> None:
        """Nothing is held. Messages that no chunk has shown will never be."""
        self._seat = None
        self._held = frozenset()
        self._since.clear()
        self._lasted.clear()
        self._deferred = ()
        self._pending.clear()
        self._means = self._at_rest(now)

    def sample(self, now: float, frames: int, fps: float) -> Sample:
        """The input of a chunk of so many frames that starts now."""
        taps = {
            name: min(max(round(ms / 1000 * fps), 1), frames)
            for name, ms in self._lasted.items()
            if name not in self._held
        }
        carried = [Shown(m.seat, m.seq, m.t, 0, now - m.came) for m in self._deferred]
        deferred: list[_Pending] = []
        for message in self._pending:
            frame = max((taps[name] for name in message.released & taps.keys()), default=0)
            if frame < frames:
                waited_s = now - message.came
                carried.append(Shown(message.seat, message.seq, message.t, frame, waited_s))
            else:
                deferred.append(message)
        actions = self._rows(now, frames, taps)
        self._since.clear()
        self._lasted.clear()
        self._pending.clear()
        self._deferred = tuple(deferred)
        return Sample(actions, tuple(sorted(carried, key=lambda shown: shown.frame)))

    def _rows(self, now: float, frames: int, taps: Mapping[str, int]) -> Actions:
        rows = np.zeros((frames, self._info.controls), np.float32)
        for name in self._held:
            rows[:, self._columns[name]] = 1.0
        for name, lasts in taps.items():
            rows[:lasts, self._columns[name]] = 1.0
        for column, mean in enumerate(self._means.values(), start=len(self._columns)):
            strength = mean.sample(now)
            rows[:, column] = strength if abs(strength) > AT_REST else 0.0
        return rows

    def _at_rest(self, now: float) -> dict[str, AxisMean]:
        return {axis.name: AxisMean(axis.low, axis.high, now) for axis in self._info.axes}
