"""`bench lag`: how late the server's event loop is while it serves several sessions and viewers."""

from __future__ import annotations

import asyncio
import shlex
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.crowd import crowd
from lightcone.bench.clients.session import NoRoom, SessionEntry, api
from lightcone.bench.machine import machine
from lightcone.bench.server_process import target
from lightcone.model.catalogue import world_info

MEASURED = (
    "the server's own timers, one every 10 ms of the last half minute: by how much each was late; "
    "timers of its event loop have a resolution of 1 ms; with as many of the sessions asked for as "
    "the server admits, and all the viewers"
)
SETTLE_S = 3.0


def run(args: Namespace) -> dict[str, Any]:
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        found = asyncio.run(_measure(server.url, args))
    return {"world": args.world, "measured": MEASURED, **found, "machine": asdict(machine())}


async def _measure(url: str, args: Namespace) -> dict[str, Any]:
    fps = world_info(args.world).fps
    async with api(url) as server, crowd() as viewers:
        entries: list[SessionEntry] = []
        no_room: str | None = None
        for i in range(args.sessions):
            try:
                entries.append(await server.new(args.world, args.seed + i))
            except NoRoom as error:
                if not entries:
                    raise
                no_room = str(error)
                break
            await viewers.join(entries[-1].whep, fps)
        for i in range(args.viewers - len(entries)):
            await viewers.join(entries[i % len(entries)].whep, fps)
        await asyncio.sleep(SETTLE_S)
        rates = await viewers.measure(args.seconds)
        health = await server.health()
    return {
        "sessions": len(entries),
        "sessions_asked_for": args.sessions,
        "no_room": no_room,
        "viewers": viewers.viewers,
        "loop_lag_ms": health["loop_lag_ms"],
        "worker_loop_lag_ms": [worker["loop_lag_ms"] for worker in health["workers"]],
        "fps_at_viewers": [rate.fps for rate in rates],
    }
