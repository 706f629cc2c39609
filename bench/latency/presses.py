"""When to press what: random phases against chunks, the same for the same seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")

CHUNK_S = 1 / 12
MEAN_INTERVAL_S = 1 / 3
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.06, 0.12


@dataclass(frozen=True)
class Press:
    """`after` seconds since the press before (or the start), `control` goes down for `hold`
    seconds; between a release and the next press there is more than a chunk."""

    after: float
    hold: float
    control: str


def presses(
    count: int, controls: Sequence[str], seed: int, chunk_s: float = CHUNK_S
) -> list[Press]:
    """About three a second, fewer and longer where chunks are long; the intervals vary by more than
    a chunk of the default length, so that every phase against the chunks is equally likely."""
    random = np.random.default_rng(seed)
    longer = max(1.0, chunk_s / CHUNK_S)
    return [
        Press(
            after=float(random.uniform(0.7, 1.3)) * MEAN_INTERVAL_S * longer,
            hold=float(random.uniform(SHORTEST_HOLD_S, LONGEST_HOLD_S)) * longer,
            control=controls[i % len(controls)],
        )
        for i in range(count)
    ]


def spaced(
    count: int, controls: Sequence[str], seed: int, settle_s: float, hold_s: float
) -> list[Press]:
    """With `settle_s` at least, and up to 1.6 times that, before each: every press at a phase of
    its own, and what the one before has changed is over. Each is held for half of `hold_s` to all
    of it."""
    random = np.random.default_rng(seed)
    return [
        Press(
            after=float(random.uniform(1.0, 1.6)) * settle_s + hold_s,
            hold=float(random.uniform(0.5, 1.0)) * hold_s,
            control=controls[i % len(controls)],
        )
        for i in range(count)
    ]


async def perform(
    plan: Sequence[Press],
    down: Callable[[str], Awaitable[_T]],
    up: Callable[[str], Awaitable[object]],
) -> list[_T]:
    """Press and release in real time; returns what `down` did for each press."""
    loop = asyncio.get_running_loop()
    at = loop.time()
    done = []
    for press in plan:
        at += press.after
        await asyncio.sleep(at - loop.time())
        done.append(await down(press.control))
        await asyncio.sleep(press.hold)
        await up(press.control)
    return done
