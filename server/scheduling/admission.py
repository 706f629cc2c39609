"""Whether one more session fits into a worker. Sans-IO.

Two threads and the memory are looked at: the one that steps, where sessions of a world share a
batch; the one that encodes; and the states with their history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

ROOM = 0.85  # of a thread's time may be used; the rest is for what varies
NO_MORE: Mapping[str, int] = MappingProxyType({})


class WorldCost(Protocol):
    """Measured; `messages.StepCost` is one."""

    @property
    def step_ms(self) -> Mapping[int, float]:
        """Of one chunk in the long run, by batch size."""
        ...

    @property
    def encode_ms(self) -> float:
        """Of one frame."""
        ...

    @property
    def session_bytes(self) -> int: ...


@dataclass(frozen=True)
class Demand:
    """A world, as far as admission goes."""

    cost: WorldCost
    chunk_s: float  # media time of a chunk
    fps: int


def fits(
    demands: Mapping[str, Demand],
    sessions: Mapping[str, int],
    budget_bytes: int,
    max_batch: int = 0,
    overbook: float = 1.0,
    more_encodes: Mapping[str, int] = NO_MORE,
) -> bool:
    """Whether so many sessions of these worlds hold their full rate in one worker. `max_batch`
    limits the sessions of a step; 0: the largest bucket does. `overbook`: as if the worker were so
    many times as fast. `more_encodes` by world: those beside one for each session, as viewers with
    another codec or with a thin line need."""
    running = {world: n for world, n in sessions.items() if n > 0}
    steps = {world: _steps(demands[world], n, max_batch) for world, n in running.items()}
    stepping = sum(busy.load for busy in steps.values())
    encoding = sum(
        (n + more_encodes.get(world, 0)) * demands[world].cost.encode_ms * demands[world].fps / 1000
        for world, n in running.items()
    )
    size = sum(n * demands[world].cost.session_bytes for world, n in running.items())
    if max(stepping, encoding) > ROOM * overbook or size > budget_bytes:
        return False
    # A step can not be interrupted: everybody must be able to wait for the longest of the others.
    return all(
        steps[world].longest_s
        + max((steps[other].longest_s for other in steps if other != world), default=0.0)
        <= demands[world].chunk_s * overbook
        for world in steps
    )


def capacity(
    demand: Demand,
    budget_bytes: int,
    max_batch: int = 0,
    overbook: float = 1.0,
    most: int = 64,
) -> int:
    """How many sessions of one world, and of no other, fit into one worker."""
    for n in range(1, most + 1):
        if not fits({"": demand}, {"": n}, budget_bytes, max_batch, overbook):
            return n - 1
    return most


@dataclass(frozen=True)
class _Steps:
    """The steps of all sessions of a world: share of the thread's time, and the longest."""

    load: float
    longest_s: float


def _steps(demand: Demand, sessions: int, max_batch: int) -> _Steps:
    step_ms = demand.cost.step_ms
    largest = min(max(step_ms), max_batch or max(step_ms))
    whole, rest = divmod(sessions, largest)
    sizes = [largest] * whole + ([rest] if rest else [])
    seconds = [_step_ms(step_ms, size) / 1000 for size in sizes]
    return _Steps(sum(seconds) / demand.chunk_s, max(seconds))


def _step_ms(step_ms: Mapping[int, float], size: int) -> float:
    """Of the smallest bucket that takes so many."""
    return step_ms[min(bucket for bucket in step_ms if bucket >= size)]
