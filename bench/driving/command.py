"""`bench drive`: an agent plays a session through the client, with receipts, pictures and sound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from lightcone.bench.driving.agents import AGENTS, GoBack, Hold, Move, RunBack, Save, Say
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.procfs import process_memory
from lightcone.bench.server_process import Target, target
from lightcone.bench.statistics import spread
from lightcone.client import (
    Client,
    ClientError,
    Closed,
    Late,
    LiveSession,
    NotAllowed,
    Problem,
    Refused,
)

WARM_UP_S = 60.0  # of a run, at most; what memory grew is counted from there
HEARD_S = 0.1  # of sound, taken after each input
SOUND_PATIENCE_S = 5.0  # sound that has not come by then is late, and is waited for no longer


@dataclass
class Driven:
    """What happened. Milliseconds are from the moment before an input is sent; `sounds` counts the
    inputs whose first HEARD_S of sound came."""

    moves: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    receipt_ms: list[float] = field(default_factory=list)
    picture_ms: list[float] = field(default_factory=list)
    connections_lost: int = 0
    pictures: int = 0
    first_media_time: float | None = None
    last_media_time: float = 0.0
    sounds: int = 0
    sounds_late: int = 0


def run(args: Namespace) -> dict[str, Any]:
    """The report. Raises BenchError where the session can not be played to the end."""
    with target(args.url, args.world, shlex.split(args.serve)) as server:
        try:
            return asyncio.run(_measure(server, args))
        except ClientError as error:
            raise BenchError(f"the agent could not go on: {error}") from error


async def _measure(server: Target, args: Namespace) -> dict[str, Any]:
    seconds = 60 * args.minutes
    driven = Driven()
    async with (
        Client(server.url, args.token) as client,
        await client.start(args.world, seed=args.seed) as session,
    ):
        moves = AGENTS[args.agent](session.world, args.seed)
        loop = asyncio.get_running_loop()
        began = loop.time()
        watching = asyncio.create_task(_watch(session, driven))
        try:
            await _play(client, session, moves, driven, began + min(WARM_UP_S, seconds / 2))
            warm = _memory(server)
            await _play(client, session, moves, driven, began + seconds)
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        played_s = loop.time() - began
        after = _memory(server)
        return _report(args, session, driven, played_s) | {
            "resident_mb_warm": warm,
            "resident_mb_at_end": after,
            "machine": asdict(machine()),
        }


async def _play(
    client: Client, session: LiveSession, moves: Iterator[Move], driven: Driven, until: float
) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        move = next(moves)
        driven.moves[type(move).__name__.lower()] += 1
        try:
            await _move(client, session, move, driven)
        except Refused as refused:
            driven.refused[refused.code] += 1
        except Problem as problem:
            if problem.status != 409:  # back beyond what is kept
                raise
            driven.refused[problem.code] += 1
        except Closed as closed:
            if not closed.may_resume:
                raise
            driven.connections_lost += 1


async def _move(client: Client, session: LiveSession, move: Move, driven: Driven) -> None:
    match move:
        case Hold():
            await _hold(session, move, driven)
        case Say(text, how):
            await session.prompt(text, how)
        case GoBack(seconds):
            await session.rewind(seconds=seconds)
        case RunBack(seconds):
            await session.backwards("start")
            await asyncio.sleep(seconds)
            await session.backwards("stop")
        case Save():
            kept = await session.save()
            await client.download(kept.id)
            with contextlib.suppress(NotAllowed):  # it takes an admin
                await client.forget(kept.id)


async def _hold(session: LiveSession, hold: Hold, driven: Driven) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    receipt = await session.input(hold.buttons, hold.axes)
    driven.receipt_ms.append(1000 * (loop.time() - began))
    frame = await session.frame(at=receipt.media_time)
    driven.picture_ms.append(1000 * (frame.arrived - began))
    if session.world.sample_rate is not None:
        try:
            await session.sound(receipt.media_time, HEARD_S, patience_s=SOUND_PATIENCE_S)
            driven.sounds += 1
        except Late:
            driven.sounds_late += 1
    await asyncio.sleep(began + hold.seconds - loop.time())


async def _watch(session: LiveSession, driven: Driven) -> None:
    async for frame in session.frames():
        driven.pictures += 1
        if driven.first_media_time is None:
            driven.first_media_time = frame.media_time
        driven.last_media_time = frame.media_time


def _report(
    args: Namespace, session: LiveSession, driven: Driven, played_s: float
) -> dict[str, Any]:
    status = session.status
    shown_s = driven.last_media_time - (driven.first_media_time or 0.0)
    receipts, pictures = spread(driven.receipt_ms), spread(driven.picture_ms)
    return {
        "world": session.world.world,
        "agent": args.agent,
        "seconds": round(played_s, 1),
        "moves": dict(driven.moves),
        "refused": dict(driven.refused),
        "input_to_receipt_ms": None if receipts is None else asdict(receipts),
        "input_to_picture_ms": None if pictures is None else asdict(pictures),
        "pictures": driven.pictures,
        "pictures_per_second": round(driven.pictures / played_s, 2),
        "media_seconds": round(shown_s, 1),
        "pictures_dropped": session.viewer.dropped,
        "packets_lost": session.viewer.lost,
        "sounds": driven.sounds,
        "sounds_late": driven.sounds_late,
        "connections_lost": driven.connections_lost,
        "stalls": status.stalls,
        "stalled_ms": round(status.stalled_ms, 1),
        "rate_at_end": status.rate,
    }


def _memory(server: Target) -> dict[str, float]:
    """Of this process, and of the server's where it is a child of this one; in MB."""
    pids = {"client": os.getpid(), "server": server.pid, "model": server.worker_pid}
    return {name: process_memory(pid).now_mb for name, pid in pids.items() if pid is not None}
