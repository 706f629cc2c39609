"""`bench thin`: what viewers on good lines, and one on a thin line, get of one session."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from lightcone.bench.clients.crowd import Crowd, crowd
from lightcone.bench.clients.session import new_session
from lightcone.bench.clients.watched import Rate
from lightcone.bench.machine import machine
from lightcone.bench.namespaces import Network, star, within
from lightcone.bench.server_process import target
from lightcone.model.catalogue import world_info

MEASURED = (
    "pictures that can be decoded, as each viewer gets them in a network namespace of its own, "
    "over a line of that bitrate (tc tbf, 200 ms of queue), which picture and sound share; viewers "
    "report losses and REMB; the thin one joins last, and its move to thin pictures is over"
)
PORT = 8080


def run(args: Namespace) -> dict[str, Any]:
    lines = [args.line] * args.viewers + [args.thin_line]
    flags = ["--host", "0.0.0.0", "--port", str(PORT), "--insecure", *shlex.split(args.serve)]
    with (
        star("lc", [*lines, ""], outside=True) as network,
        target(None, args.world, flags, within(network.hub)),
    ):
        rates = asyncio.run(_measure(network, args))
    return {
        "world": args.world,
        "measured": MEASURED,
        "seconds": args.seconds,
        "viewers": [
            {"line": line, **asdict(rate)} for line, rate in zip(lines, rates, strict=True)
        ],
        "machine": asdict(machine()),
    }


async def _measure(network: Network, args: Namespace) -> list[Rate]:
    fps = world_info(args.world).fps
    control = f"http://{network.addresses[-1][0]}:{PORT}"
    async with (
        new_session(control, args.world, args.seed) as entry,
        contextlib.AsyncExitStack() as stack,
    ):
        path = entry.whep.removeprefix(control)
        viewers: list[Crowd] = []
        for end, (server, _) in zip(network.ends, network.addresses, strict=False):
            viewers.append(await stack.enter_async_context(crowd(within(end))))
            await viewers[-1].join(f"http://{server}:{PORT}{path}", fps)
        await asyncio.sleep(args.settle)
        found = await asyncio.gather(*(viewer.measure(args.seconds) for viewer in viewers))
    return [rates[0] for rates in found]
