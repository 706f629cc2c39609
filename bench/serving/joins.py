"""`bench joins`: from the wish to watch a running session to its first picture."""

from __future__ import annotations

import asyncio
import shlex
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.crowd import crowd
from lightcone.bench.clients.session import new_session
from lightcone.bench.machine import machine
from lightcone.bench.server_process import Target, target
from lightcone.bench.statistics import spread
from lightcone.model.catalogue import world_info

MEASURED = (
    "from before the offer is made (ICE candidates and all) to the arrival of the last packet of "
    "the first whole picture, at a headless viewer in another process on this machine; another "
    "viewer watches all the time, and joins are half a second and more apart"
)


def run(args: Namespace) -> dict[str, Any]:
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        times = asyncio.run(_measure(server, args))
    found = spread(times)
    return {
        "world": args.world,
        "joins": args.joins,
        "measured": MEASURED,
        "join_to_first_picture_ms": None if found is None else asdict(found),
        "samples_ms": times,
        "machine": asdict(machine()),
    }


async def _measure(server: Target, args: Namespace) -> list[float]:
    async with new_session(server.url, args.world, args.seed) as entry, crowd() as viewers:
        await viewers.join(entry.whep, world_info(args.world).fps)
        await asyncio.sleep(1)
        return await viewers.joins(entry.whep, args.joins)
