"""`bench viewers`: what one viewer more costs the server."""

from __future__ import annotations

import asyncio
import shlex
import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.crowd import crowd
from lightcone.bench.clients.session import new_session
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.procfs import process_cpu_seconds
from lightcone.bench.server_process import target
from lightcone.bench.statistics import slope
from lightcone.model.catalogue import world_info

MEASURED = (
    "CPU time of the server process (its HTTP and sending; the worker, which steps and encodes, "
    "is not counted) against the number of viewers, slope by least squares; all viewers run in "
    "another process and receive picture and sound, the slowest of them so many pictures a second"
)


def run(args: Namespace) -> dict[str, Any]:
    if args.max < 2:
        raise BenchError("a slope needs two viewers or more: --max 2")
    counts = sorted({1, *(round(1 + (args.max - 1) * share / 4) for share in range(1, 5))})
    with target(None, args.world, shlex.split(args.serve)) as server:
        assert server.pid is not None
        percent, slowest = asyncio.run(
            _measure(server.url, server.pid, args.world, args.seed, counts, args.seconds)
        )
    return {
        "world": args.world,
        "measured": MEASURED,
        "percent_of_a_core_per_extra_viewer": round(slope(counts, percent), 2),
        "percent_of_a_core": {str(n): round(p, 1) for n, p in zip(counts, percent, strict=True)},
        "fps_of_the_slowest": {str(n): fps for n, fps in zip(counts, slowest, strict=True)},
        "machine": asdict(machine()),
    }


async def _measure(
    url: str, pid: int, world: str, seed: int, counts: list[int], seconds: float
) -> tuple[list[float], list[float]]:
    """Percent of one core at each number of viewers, and pictures a second of the slowest one."""
    fps = world_info(world).fps
    percent, slowest = [], []
    async with new_session(url, world, seed) as entry, crowd() as viewers:
        for count in counts:
            while viewers.viewers < count:
                await viewers.join(entry.whep, fps)
            await asyncio.sleep(1)  # their DTLS handshakes are over, keyframes sent
            began, used = time.monotonic(), process_cpu_seconds(pid)
            rates = await viewers.measure(seconds)
            used = process_cpu_seconds(pid) - used
            percent.append(100 * used / (time.monotonic() - began))
            slowest.append(min(rate.fps for rate in rates))
    return percent, slowest
