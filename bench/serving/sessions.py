"""`bench sessions`: how many sessions of a world hold their full rate, in batches and one at a
time."""

from __future__ import annotations

import asyncio
import os
import shlex
from argparse import Namespace
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from lightcone.bench.clients.control import ControlClient, control
from lightcone.bench.clients.crowd import Crowd, crowd
from lightcone.bench.clients.session import Api, NoRoom, SessionEntry, api
from lightcone.bench.clients.watched import Rate
from lightcone.bench.machine import machine
from lightcone.bench.server_process import target
from lightcone.model.catalogue import world_info
from lightcone.model.runtime.threads import openmp

FULL_RATE = (
    "a headless viewer of each session, all in one other process on this machine, sees at most "
    "1 % of the frames missing and the media clock held for at most 1 % of the time, and none has "
    "given up denoising steps or frames a second"
)
RATIO = (
    "chunks a second of 4 sessions in one pass over those of 4 passes with one session each, on "
    "all cores, in turns; medians"
)
TOLERANCE = 0.01
TRIAL_TOLERANCE = 0.02  # a single frame more or less counts for more in a short time
SETTLE_S = 1.5
TOGETHER = 4  # sessions in one pass


@dataclass(frozen=True)
class Held:
    """`sessions` held their full rate, with these `rates`. `limit` is why there are not more:
    "admission" (the server takes no more), "rate" (they are too slow), "degraded" (they gave up
    steps or frames a second) or "max" (no more were tried). `too_many` are the rates of those that
    were too many."""

    sessions: int
    limit: str
    rates: list[Rate]
    too_many: list[Rate]


def run(args: Namespace) -> dict[str, Any]:
    ratio = _ratio(args.world, args.rounds)
    with tqdm(total=2 * args.max, unit="session", leave=False) as bar:
        batched = _held(args, bar, [])
        one_at_a_time = _held(args, bar, ["--max-batch", "1"])
    return {
        "world": args.world,
        "batched": batched.sessions,
        "one_at_a_time": one_at_a_time.sessions,
        **ratio,
        "full_rate": FULL_RATE,
        "ratio_measured": RATIO,
        "seconds": args.seconds,
        "held": {"batched": asdict(batched), "one_at_a_time": asdict(one_at_a_time)},
        "machine": asdict(machine()),
    }


def _ratio(world: str, rounds: int) -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0))
    os.environ.update(openmp(cores))  # torch reads this when it is imported
    from lightcone.bench.serving import passes

    times = passes.measure(world, TOGETHER, rounds)
    return {
        "ratio": round(TOGETHER * times.alone_ms / times.together_ms, 3),
        "ms_of_4_together": round(times.together_ms, 2),
        "ms_of_1_alone": round(times.alone_ms, 2),
        "threads": cores,
    }


def _held(args: Namespace, bar: tqdm[Any], flags: list[str]) -> Held:
    flags = [*flags, *shlex.split(args.serve)]
    with target(None, args.world, flags) as server:
        return asyncio.run(_find(server.url, args, bar))


@dataclass(frozen=True)
class _Session:
    """One that is tried, and what the server says of it."""

    entry: SessionEntry
    control: ControlClient
    end: AsyncExitStack


class _Tried:
    """The sessions that live at once. The first one begins with all its steps: `full_steps`."""

    def __init__(self, server: Api, viewers: Crowd) -> None:
        self.sessions: list[_Session] = []
        self._server = server
        self._viewers = viewers
        self._full_steps = 0

    async def add(self, world: str, seed: int, fps: int) -> None:
        """Raises NoRoom."""
        entry = await self._server.new(world, seed)
        async with AsyncExitStack() as end:
            end.push_async_callback(self._server.end, entry.id)
            client = await end.enter_async_context(control(entry.control, "spectator"))
            await self._viewers.join(entry.whep, fps)
            end.push_async_callback(self._viewers.leave, entry.whep)
            self.sessions.append(_Session(entry, client, end.pop_all()))

    async def end_last(self) -> None:
        await self.sessions.pop().end.aclose()

    async def measure(self, seconds: float, tolerance: float) -> tuple[list[Rate], str | None]:
        """What viewers see in so many seconds, and why it is less than the full rate."""
        await asyncio.sleep(SETTLE_S)
        for session in self.sessions:
            del session.control.statuses[:-1]
        rates = await self._viewers.measure(seconds)
        if not all(rate.full(tolerance) for rate in rates):
            return rates, "rate"
        statuses = [status for session in self.sessions for status in session.control.statuses]
        self._full_steps = max(self._full_steps, *(status["steps"] for status in statuses))
        whole = all(at_full(status, self._full_steps) for status in statuses)
        return rates, None if whole else "degraded"


def at_full(status: Mapping[str, Any], full_steps: int) -> bool:
    """Whether a session has given up nothing to be in time."""
    return bool(
        status["steps"] >= full_steps and status["rate"] == 1.0 and not status["overloaded"]
    )


async def _find(url: str, args: Namespace, bar: tqdm[Any]) -> Held:
    """Sessions are added until one is too many, then it is looked for how many hold for long."""
    fps = world_info(args.world).fps
    limit = "max"
    too_many: list[Rate] = []
    async with api(url) as server, crowd() as viewers:
        tried = _Tried(server, viewers)
        while len(tried.sessions) < args.max:
            try:
                await tried.add(args.world, args.seed + len(tried.sessions), fps)
            except NoRoom:
                limit = "admission"
                break
            bar.update()
            rates, reason = await tried.measure(args.trial, TRIAL_TOLERANCE)
            if reason is not None:
                limit, too_many = reason, rates
                await tried.end_last()
                break
        while tried.sessions:
            rates, reason = await tried.measure(args.seconds, TOLERANCE)
            if reason is None:
                return Held(len(tried.sessions), limit, rates, too_many)
            limit, too_many = reason, rates
            await tried.end_last()
    return Held(0, limit, [], too_many)
