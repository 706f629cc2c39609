"""`bench fork`: what a fork costs the session that is forked, and how soon the new one shows."""

from __future__ import annotations

import asyncio
import shlex
import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.control import control
from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import Api, SessionEntry, api
from lightcone.bench.machine import machine
from lightcone.bench.server_process import target
from lightcone.bench.statistics import spread

MEASURED = (
    "deadlines missed are late chunks (stalls) of the session that is forked, and of each fork, "
    "from the fork until it has been watched for some seconds; lowest rate: the least share of "
    "their full frame rate in that time; first picture: from the request to the first picture of "
    "the fork"
)
WATCHED_S = 3.0


def run(args: Namespace) -> dict[str, Any]:
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        found = asyncio.run(_measure(server.url, args))
    return {"world": args.world, "measured": MEASURED, **found, "machine": asdict(machine())}


async def _measure(url: str, args: Namespace) -> dict[str, Any]:
    in_forks, in_forked, first, rates = 0, 0, [], []
    async with api(url) as server:
        entry = await server.new(args.world, args.seed)
        viewer = HeadlessViewer()
        try:
            await viewer.join(entry.whep)
            async with control(entry.control, "spectator") as onlooker:
                await asyncio.sleep(2)
                for _ in range(args.forks):
                    before, since = onlooker.status["stalls"], len(onlooker.statuses) - 1
                    shown_ms, of_fork = await _fork(server, entry)
                    first.append(shown_ms)
                    in_forks += of_fork[-1]["stalls"]
                    in_forked += onlooker.status["stalls"] - before
                    rates += [each["rate"] for each in onlooker.statuses[since:] + of_fork]
        finally:
            await viewer.close()
            await server.end(entry.id)
    times = spread(first)
    return {
        "forks": args.forks,
        "deadlines_missed": in_forked,
        "deadlines_missed_by_forks": in_forks,
        "lowest_rate": min(rates),
        "first_picture_ms": None if times is None else asdict(times),
    }


async def _fork(server: Api, entry: SessionEntry) -> tuple[float, list[dict[str, Any]]]:
    """Milliseconds to the first picture of the fork, and its status messages from then on."""
    began = time.monotonic()
    fork = await server.fork(entry.id)
    viewer = HeadlessViewer()
    try:
        await viewer.join(fork.whep)
        shown_ms = 1000 * (time.monotonic() - began)
        async with control(fork.control, "spectator") as onlooker:
            await asyncio.sleep(WATCHED_S)
            return shown_ms, [*onlooker.statuses[:-1], onlooker.status]
    finally:
        await viewer.close()
        await server.end(fork.id)
