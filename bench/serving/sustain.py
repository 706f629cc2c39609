"""`bench sustain`: a server and its viewers for minutes on end."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.control import (
    ControlClient,
    control,
)
from lightcone.bench.clients.crowd import crowd
from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import new_session
from lightcone.bench.clients.watched import Watched
from lightcone.bench.latency.presses import (
    perform,
    presses,
)
from lightcone.bench.machine import machine
from lightcone.bench.procfs import (
    process_cpu_seconds,
    process_memory,
)
from lightcone.bench.server_process import (
    Target,
    target,
)
from lightcone.bench.statistics import spread

CHUNK_MEASURED = (
    "the median chunk time of about the last two seconds over the chunk's duration, from each "
    "status message of the server (one a second and one at each stall); single chunks: bench chunk"
)


def run(args: Namespace) -> dict[str, Any]:
    with target(None, args.world, shlex.split(args.serve)) as server:
        measured = asyncio.run(_measure(server, args))
    return {"world": args.world, **measured, "machine": asdict(machine())}


async def _measure(server: Target, args: Namespace) -> dict[str, Any]:
    async with (
        new_session(server.url, args.world, args.seed) as entry,
        control(entry.control) as driver,
        crowd() as others,
    ):
        fps = driver.session["fps"]
        watched = Watched(fps)
        viewer = HeadlessViewer(watched.see)
        try:
            await viewer.join(entry.whep)
            for _ in range(args.viewers - 1):
                await others.join(entry.whep, fps)
            before = _resident(server), _cpu(server)
            watched.clear()
            began_at, began = time.monotonic(), driver.status
            start = len(driver.statuses)
            await _drive(driver, args.seconds, args.seed)
            rate = watched.rate(began_at, time.monotonic())
            after = _resident(server), _cpu(server)
            ended, statuses = driver.status, driver.statuses[start:]
        finally:
            await viewer.close()
    chunk_ms = 1000 * driver.session["chunk_frames"][-1] / fps
    over = spread([status["chunk_ms"] / chunk_ms for status in statuses], 3)
    return {
        "seconds": args.seconds,
        "viewers": args.viewers,
        "fps": rate.fps,
        "frames_missing": watched.missing,
        "held": rate.held,
        "packets_lost": viewer.lost,
        "stalls": ended["stalls"] - began["stalls"],
        "stalled_ms": round(ended["stalled_ms"] - began["stalled_ms"], 1),
        "chunk_measured": CHUNK_MEASURED,
        "chunk_over_duration": None if over is None else asdict(over),
        "cpu_percent_of_a_core": {
            name: round(100 * (after[1][name] - before[1][name]) / args.seconds, 1)
            for name in before[1]
        },
        "resident_mb_at_start": before[0],
        "resident_mb_at_end": after[0],
    }


async def _drive(driver: ControlClient, seconds: float, seed: int) -> None:
    """Press keys for so long: a session that is played in may cost more than one that rests."""
    names = [control["name"] for control in driver.controls]
    plan = presses(4 * math.ceil(seconds), names, seed)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await perform(plan, lambda name: driver.hold([name]), lambda _: driver.hold([]))


def _processes(server: Target) -> dict[str, int]:
    pids = {"server": server.pid, "model": server.worker_pid}
    return {name: pid for name, pid in pids.items() if pid is not None}


def _resident(server: Target) -> dict[str, float]:
    return {name: process_memory(pid).now_mb for name, pid in _processes(server).items()}


def _cpu(server: Target) -> dict[str, float]:
    return {name: process_cpu_seconds(pid) for name, pid in _processes(server).items()}
