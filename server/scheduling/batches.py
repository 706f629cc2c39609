"""Which sessions are stepped together, and when. Sans-IO: times are monotonic seconds, given by
the caller.

Earliest deadline first, for one thread whose steps can not be interrupted. Every batch starts as
late as it can, so that its inputs are as fresh as they can be, and only as early as it must, so
that the batches after it are in time too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MARGIN_S = 0.001
SLACK = 0.25  # of a chunk: who is due so much later than the first of a batch is made with it
ROUNDING_S = 0.0001
SUSTAINABLE = 0.75  # of a chunk: what steps that are not made together may take
GRACE_S = 0.005  # a chunk this late is sent at once: nobody can see it


class Candidate(Protocol):
    """A session whose next chunk is to be made."""

    @property
    def group(self) -> Hashable:
        """Sessions of one group can be stepped together."""
        ...

    @property
    def due(self) -> float:
        """When the chunk is due."""
        ...

    @property
    def chunk_s(self) -> float:
        """Media time of the chunk: it is never started earlier before it is due."""
        ...


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True)
class Times:
    """What a step of a group with so many sessions is expected to take; see `Pacer`."""

    lead_s: float
    busy_s: float


Predict = Callable[[C, int], Times]
"""Of a batch of so many sessions, of the group of the given one."""


@dataclass(frozen=True)
class Batch(Generic[C]):
    """Sessions of one group, the earliest due first, and when to start."""

    members: tuple[C, ...]
    start: float

    @property
    def due(self) -> float:
        return self.members[0].due


def plan(
    candidates: Sequence[C], now: float, predict: Predict[C], most: Callable[[C], int]
) -> list[Batch[C]]:
    """Batches of all candidates, in the order in which they are to be started. `most` is the
    largest batch of a session's group."""
    waiting = sorted(candidates, key=lambda candidate: candidate.due)
    chosen: list[tuple[C, ...]] = []
    free = now  # when the thread is, as far as is known
    while waiting:
        members = _members(waiting, free, predict, most(waiting[0]))
        taken = {id(member) for member in members}
        waiting = [candidate for candidate in waiting if id(candidate) not in taken]
        chosen.append(members)
        first, times = members[0], predict(members[0], len(members))
        free = max(free, _start(first, first.due, times)) + times.busy_s
    return _started(chosen, predict)


def _members(waiting: Sequence[C], free: float, predict: Predict[C], most: int) -> tuple[C, ...]:
    """The first who waits, and who is stepped with it: who is due soon after it, and who is due
    before its step would be over and would have to wait for that."""
    first = waiting[0]
    times = predict(first, 1)
    start = max(free, _start(first, first.due, times))
    until = max(first.due + SLACK * first.chunk_s, start + times.busy_s)
    members = [
        c
        for c in waiting
        if c is first or (c.group == first.group and c.due <= min(until, start + c.chunk_s))
    ][:most]
    while len(members) > 1 and _is_better_alone(members, free, predict):
        members.pop()
    return tuple(members)


def _is_better_alone(members: Sequence[C], free: float, predict: Predict[C]) -> bool:
    """The last member is due later than the first: with it the batch is late, without it both are
    in time, and can go on like that, although two steps take longer than one of both."""
    first, last = members[0], members[-1]
    if last.due <= first.due + GRACE_S:
        return False
    whole, without = (predict(first, len(members) - less) for less in (0, 1))
    if without.busy_s + predict(last, 1).busy_s > SUSTAINABLE * first.chunk_s:
        return False
    if free + whole.lead_s <= first.due + GRACE_S or free + without.lead_s > first.due + GRACE_S:
        return False
    return free + without.busy_s + predict(last, 1).lead_s <= last.due + GRACE_S


def _started(chosen: Sequence[tuple[C, ...]], predict: Predict[C]) -> list[Batch[C]]:
    """From the last to the first: each is over when the one after it must start."""
    batches: list[Batch[C]] = []
    must_end = float("inf")
    for members in reversed(chosen):
        first, times = members[0], predict(members[0], len(members))
        start = min(_start(first, first.due, times), must_end - times.busy_s)
        start = max(start, *(member.due - member.chunk_s for member in members))
        batches.append(Batch(members, start))
        must_end = start
    return batches[::-1]


def _start(first: Candidate, due: float, times: Times) -> float:
    return due - min(times.lead_s + MARGIN_S, first.chunk_s)


def aligned(earliest: float, grid: float, chunk_s: float) -> float:
    """The first moment at or after `earliest`, to within rounding, that is a whole number of chunks
    from `grid`: who starts there is due together with the sessions of that grid."""
    chunks = math.ceil((earliest - ROUNDING_S - grid) / chunk_s)
    return grid + chunks * chunk_s
