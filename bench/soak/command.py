"""`bench soak`: people at one server for minutes, or joins, or sessions; and what grew meanwhile.

Counts are taken while nobody is there, so that what they find is what was left behind.
"""

from __future__ import annotations

import asyncio
import shlex
from argparse import Namespace
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import httpx

from lightcone.bench.clients.control import control
from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import SessionEntry, new_session
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.server_process import Target, target
from lightcone.bench.soak import counts
from lightcone.bench.soak.counts import Counts
from lightcone.bench.soak.growth import Growth, growth, sentence
from lightcone.bench.soak.moves import moves
from lightcone.bench.soak.people import Person
from lightcone.client import Client, ClientError

QUOTAS = ("sessions", "offers", "prompts", "uploads", "generation")
UNLIMITED = [word for name in QUOTAS for word in (f"--quota-{name}", "")]
ROUND_S = 20.0  # of people, then nobody
ROUNDS = 3  # at least
WARM_UP = 0.1  # of the cycles, or of the time, before what is counted
TIMEOUT_S = 30.0
COUNTS = 12  # while cycles last
REST_S = 60.0  # until everybody is gone; a busy machine
LOOK_S = 0.25
JOINS_A_SECOND = 8  # the server takes ten offers a second from all together


@dataclass
class Kept:
    """Counts by time, in seconds of the loop's clock."""

    at: list[float] = field(default_factory=list)
    values: list[Counts] = field(default_factory=list)

    @property
    def hours(self) -> float:
        return (self.at[-1] - self.at[0]) / 3600

    def growths(self) -> dict[str, Growth]:
        """Of what was there every time."""
        hours = [(at - self.at[0]) / 3600 for at in self.at]
        return {
            name: growth(name, hours, [each[name] for each in self.values])
            for name in counts.names(self.values)
            if all(name in each for each in self.values)
        }


class Observer:
    """Counts a server that nobody uses."""

    def __init__(self, server: Target, http: httpx.AsyncClient) -> None:
        self.kept = Kept()
        self._server = server
        self._http = http

    async def count(self) -> None:
        """Once everybody is gone. Raises BenchError where somebody is still there after REST_S."""
        loop = asyncio.get_running_loop()
        until = loop.time() + REST_S
        while not counts.at_rest(found := await counts.own(self._http)):
            if loop.time() > until:
                left = {name: found[name] for name in counts.PEOPLE if found[name]}
                raise BenchError(f"after {REST_S:g} s without anybody the server still has {left}")
            await asyncio.sleep(LOOK_S)  # there is no event for it: it is asked as Prometheus does
        assert self._server.pid is not None  # it was started for this
        self.kept.at.append(loop.time())
        self.kept.values.append(counts.of_processes(self._server.pid) | found)


def run(args: Namespace) -> dict[str, Any]:
    """The report. Raises BenchError."""
    flags = [*UNLIMITED, *shlex.split(args.serve)]
    with target(None, args.world, flags) as server:
        try:
            measured = asyncio.run(measure(server, args))
        except ClientError as error:
            raise BenchError(f"the people could not go on: {error}") from error
    return {"world": args.world, **measured, "machine": asdict(machine())}


async def measure(server: Target, args: Namespace) -> dict[str, Any]:
    """Of a server that was started for it. Raises BenchError, ClientError."""
    async with httpx.AsyncClient(base_url=server.url, timeout=TIMEOUT_S, verify=False) as http:
        observer = Observer(server, http)
        done: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for number in range(args.warm_up):
            async with new_session(server.url, args.world, args.seed + number) as entry:
                await _join(entry)
        if args.cycles or args.sessions:
            await _cycles(server, args, observer, done)
        else:
            await _people(server, args, observer, done, refused)
    kept = observer.kept
    found = kept.growths()
    listed = ", ".join(f"{count} {name}" for name, count in done.items())
    return {
        "conclusion": sentence(found, kept.hours, listed),
        "done": dict(done),
        "refused": dict(refused),
        "growth": {name: asdict(each) for name, each in found.items()},
        "counts": [
            {"second": round(at - kept.at[0], 1), **values}
            for at, values in zip(kept.at, kept.values, strict=True)
        ],
    }


async def _cycles(server: Target, args: Namespace, observer: Observer, done: Counter[str]) -> None:
    if args.cycles:
        for count in parts(args.cycles):
            async with new_session(server.url, args.world, args.seed) as entry:
                for _ in range(count):
                    await _join(entry)
            done["joins"] += count
            await observer.count()
    if args.sessions:
        for count in parts(args.sessions):
            for number in range(count):
                async with new_session(server.url, args.world, args.seed + number) as entry:
                    await _join(entry)
            done["sessions"] += count
            await observer.count()


async def _join(entry: SessionEntry) -> None:
    """Control and watch it, until the first picture; as often as the server lets in."""
    loop = asyncio.get_running_loop()
    until = loop.time() + 1 / JOINS_A_SECOND
    viewer = HeadlessViewer()
    try:
        # the seat of a driver that left is kept for a while
        async with control(entry.control, "spectator"):
            await viewer.join(entry.whep)
    finally:
        await viewer.close()
    await asyncio.sleep(until - loop.time())


def parts(total: int) -> list[int]:
    """Cycles between two counts: first those that warm up, then equal parts."""
    warm_up = max(round(WARM_UP * total), 1)
    left, number = total - warm_up, min(COUNTS, total - warm_up)
    ends = [left * part // number for part in range(number + 1)] if number else []
    return [warm_up, *(b - a for a, b in pairwise(ends))]


async def _people(
    server: Target,
    args: Namespace,
    observer: Observer,
    done: Counter[str],
    refused: Counter[str],
) -> None:
    """Rounds of people; what is counted begins after those that warm up."""
    seconds = min(ROUND_S, 60 * args.minutes / (ROUNDS + 1))
    plans = [moves(args.seed, person) for person in range(args.people)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    rounds = 0
    while loop.time() < began + 60 * args.minutes or len(observer.kept.at) < ROUNDS:
        async with (
            Client(server.url) as client,
            httpx.AsyncClient(base_url=server.url, timeout=TIMEOUT_S, verify=False) as http,
            asyncio.TaskGroup() as group,
        ):
            for plan in plans:
                person = Person(client, http, plan, done, refused)
                group.create_task(person.play(args.world, args.seed + rounds, seconds))
        rounds += 1
        if loop.time() >= began + 60 * WARM_UP * args.minutes:
            await observer.count()
