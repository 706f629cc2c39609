"""`bench recovery`: a worker is killed with signal 9, and its sessions go on in another one."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import SessionEntry, api
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.server_process import Target, target
from lightcone.bench.statistics import spread
from lightcone.client.media.rtp import Picture

MEASURED = (
    "from the kill until the viewers of all sessions, whose connections stay open, have a new "
    "picture; without the warm-up of the new worker (opening its model, first steps), which is "
    "given beside it"
)
PATIENCE_S = 60.0
PLAYED_S = 4.0  # a snapshot is made about once a second
UNDER_WAY_S = 0.1  # for packets that were sent before the kill


def run(args: Namespace) -> dict[str, Any]:
    with target(None, args.world, shlex.split(args.serve)) as server:
        recoveries = asyncio.run(_measure(server, args))
    apart = spread([each["seconds"] - each["warm_up_s"] for each in recoveries], 3)
    return {
        "world": args.world,
        "measured": MEASURED,
        "recovery_s": None if apart is None else asdict(apart),
        "warm_up_s": [each["warm_up_s"] for each in recoveries],
        "recoveries": recoveries,
        "machine": asdict(machine()),
    }


class _Watching:
    """A viewer of one session, which notes the newest picture."""

    def __init__(self, entry: SessionEntry) -> None:
        self.entry = entry
        self.newest = 0.0
        self.viewer = HeadlessViewer(self._see)

    def _see(self, picture: Picture) -> None:
        self.newest = max(self.newest, picture.media_time)

    async def after(self, media_time: float) -> float:
        """The moment at which a newer picture than this one is there."""
        newer = "a picture of the new worker"
        await self.viewer.progress.until(lambda: self.newest > media_time, newer, PATIENCE_S)
        return time.monotonic()


async def _measure(server: Target, args: Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with api(server.url) as http:
        for kill in range(args.kills):
            # new ones each time: a session that is there at every loss would be suspected
            watching = []
            for i in range(args.sessions):
                seed = args.seed + kill * args.sessions + i
                watching.append(_Watching(await http.new(args.world, seed)))
            try:
                for each in watching:
                    await each.viewer.join(each.entry.whep)
                await asyncio.sleep(PLAYED_S)
                seconds = await _kill(server, watching)
                [*_, recovery] = (await http.health())["recoveries"]
                found.append({"seconds": round(seconds, 3), **recovery})
            finally:
                for each in watching:
                    await each.viewer.close()
                    await http.end(each.entry.id)
    return found


async def _kill(server: Target, watching: list[_Watching]) -> float:
    """Seconds until every viewer sees something new."""
    pid = server.worker_pid
    if pid is None:
        raise BenchError("the server has no worker process")
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    await asyncio.sleep(UNDER_WAY_S)
    moments = await asyncio.gather(*(each.after(each.newest) for each in watching))
    return max(moments) - killed
