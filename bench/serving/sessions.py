"""`bench sessions`: how many sessions of a world hold their full rate, in batches and one at a
time."""

from __future__ import annotations

import asyncio
import os
import shlex
from argparse import Namespace
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from lightcone.bench.clients.crowd import Crowd, crowd
from lightcone.bench.clients.session import Api, NoRoom, SessionEntry, api
from lightcone.bench.clients.watched import Rate
from lightcone.bench.machine import machine
from lightcone.bench.server_process import target
from lightcone.model.catalogue import world_info
from lightcone.model.runtime.threads import openmp

FULL_RATE = (
    "a headless viewer of each session, all in one other process on this machine, sees at most "
    "1 % of the frames missing and the media clock held for at most 1 % of the time"
)
RATIO = (
    "chunks a second of 4 sessions in one pass over those of 4 passes with one session each, on "
    "all cores, in turns; medians"
)
TOLERANCE = 0.01
TRIAL_S = 5.0
TRIAL_TOLERANCE = 0.02  # a single frame more or less counts for more in a short time
SETTLE_S = 1.5
TOGETHER = 4  # sessions in one pass


@dataclass(frozen=True)
class Held:
    """`sessions` held their full rate, with these `rates`. `limit` is why there are not more:
    "admission" (the server takes no more), "rate" (they are too slow, and had the rates
    `too_many`), or "max" (no more were tried)."""

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


async def _find(url: str, args: Namespace, bar: tqdm[Any]) -> Held:
    """Sessions are added until one is too many, then it is looked for how many hold for long."""
    fps = world_info(args.world).fps
    entries: list[SessionEntry] = []
    limit = "max"
    too_many: list[Rate] = []
    async with api(url) as server, crowd() as viewers:
        while len(entries) < args.max:
            try:
                entries.append(await server.new(args.world, args.seed + len(entries)))
            except NoRoom:
                limit = "admission"
                break
            await viewers.join(entries[-1].whep, fps)
            bar.update()
            await asyncio.sleep(SETTLE_S)
            rates = await viewers.measure(TRIAL_S)
            if not all(rate.full(TRIAL_TOLERANCE) for rate in rates):
                limit, too_many = "rate", rates
                await _end_last(server, viewers, entries)
                break
        while entries:
            await asyncio.sleep(SETTLE_S)
            rates = await viewers.measure(args.seconds)
            if all(rate.full(TOLERANCE) for rate in rates):
                return Held(len(entries), limit, rates, too_many)
            limit, too_many = "rate", rates
            await _end_last(server, viewers, entries)
    return Held(0, limit, [], too_many)


async def _end_last(server: Api, viewers: Crowd, entries: list[SessionEntry]) -> None:
    last = entries.pop()
    await viewers.leave(last.whep)
    await server.end(last.id)
