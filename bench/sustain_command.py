"""`bench sustain`: a server and its viewers for minutes on end."""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
from argparse import Namespace
from dataclasses import asdict, dataclass, field
from typing import Any

from lightcone.bench.client_headless import HeadlessViewer
from lightcone.bench.control_client import (
    ControlClient,
    control,
)
from lightcone.bench.crowd import crowd
from lightcone.bench.latency import rate
from lightcone.bench.machine import machine
from lightcone.bench.presses import (
    perform,
    presses,
)
from lightcone.bench.procfs import (
    process_cpu_seconds,
    process_memory,
)
from lightcone.bench.rtp import Picture
from lightcone.bench.server_process import (
    Target,
    target,
)
from lightcone.bench.statistics import spread
from lightcone.bench.world_client import new_world

CHUNK_MEASURED = (
    "the median chunk time of about the last two seconds over the chunk's duration, from each "
    "status message of the server (one a second and one at each stall); single chunks: bench chunk"
)


@dataclass
class Watched:
    """What the viewer saw: arrival of pictures, and frames that never came."""

    arrived: list[float] = field(default_factory=list)
    missing: int = 0
    _last: int | None = None

    def see(self, picture: Picture, fps: int = 24) -> None:
        frame = int(picture.media_time * fps + 0.01)
        if self._last is not None:
            if frame <= self._last:
                return  # a repetition, as a keyframe
            self.missing += frame - self._last - 1
        self._last = frame
        self.arrived.append(picture.arrived)


def run(args: Namespace) -> dict[str, Any]:
    with target(None, args.world, shlex.split(args.serve)) as server:
        measured = asyncio.run(_measure(server, args))
    return {"world": args.world, **measured, "machine": asdict(machine())}


async def _measure(server: Target, args: Namespace) -> dict[str, Any]:
    watched = Watched()
    viewer = HeadlessViewer(watched.see)
    async with new_world(server.url, args.world, args.seed) as entry, crowd(entry.whep) as others:
        try:
            await viewer.join(entry.whep)
            for _ in range(args.viewers - 1):
                await others.add()
            async with control(entry.control) as driver:
                before = _resident(server), _cpu(server)
                watched.arrived.clear()
                stalls, stalled = driver.statuses[-1]["stalls"], driver.statuses[-1]["stalled_ms"]
                start = len(driver.statuses)
                await _drive(driver, args.seconds, args.seed)
                after = _resident(server), _cpu(server)
                last, told = driver.statuses[-1], driver.statuses[start:]
                described = driver.welcome["world"]
        finally:
            await viewer.close()
    chunk_ms = 1000 * described["frames_per_chunk"] / described["fps"]
    times = [status["chunk_ms"] for status in told]
    over = spread([ms / chunk_ms for ms in times], 3)
    return {
        "seconds": args.seconds,
        "viewers": args.viewers,
        "fps": rate(watched.arrived),
        "frames_missing": watched.missing,
        "packets_lost": viewer.lost,
        "stalls": last["stalls"] - stalls,
        "stalled_ms": round(last["stalled_ms"] - stalled, 1),
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
    """Press keys for so long: a world that is played in costs more than one that rests."""
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
