"""Viewers in a process of their own, so that their CPU is not the server's.

`python -m lightcone.bench.clients.crowd` reads commands on stdin and answers each with one line,
both JSON:

    {"join": WHEP_URL, "fps": 24}   -> {"viewers": n}, once it sees the picture
    {"leave": WHEP_URL}             -> {"viewers": n}, those of this session are gone
    {"measure": seconds}            -> {"rates": [...]}, one `Rate` for each viewer
    {"joins": WHEP_URL, "count": n} -> {"ms": [...]}, join and leave, one after the other

At the end of stdin all leave. `Crowd` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.pictures import stands_alone
from lightcone.bench.clients.watched import Rate, Watched
from lightcone.bench.errors import BenchError
from lightcone.client.media.rtp import Picture

PATIENCE_S = 60.0  # beyond the time that a command takes


class Crowd:
    """Viewers in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.viewers = 0
        self._process = process

    async def join(self, whep: str, fps: int) -> None:
        """One more; returns when it sees the picture. Raises BenchError."""
        self.viewers = (await self._ask({"join": whep, "fps": fps}))["viewers"]

    async def leave(self, whep: str) -> None:
        """The viewers of one session."""
        self.viewers = (await self._ask({"leave": whep}))["viewers"]

    async def measure(self, seconds: float) -> list[Rate]:
        found = await self._ask({"measure": seconds}, seconds)
        return [Rate(**each) for each in found["rates"]]

    async def joins(self, whep: str, count: int) -> list[float]:
        """Milliseconds from the wish to watch until the first picture is there."""
        found: list[float] = (await self._ask({"joins": whep, "count": count}, 5.0 * count))["ms"]
        return found

    async def _ask(self, command: dict[str, Any], takes_s: float = 0.0) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        try:
            async with asyncio.timeout(PATIENCE_S + takes_s):
                answer = await self._process.stdout.readline()
        except TimeoutError as error:
            raise BenchError("the viewers do not answer") from error
        if not answer:
            raise BenchError("a viewer could not go on; the reason is above")
        found: dict[str, Any] = json.loads(answer)
        return found


@contextlib.asynccontextmanager
async def crowd(within: Sequence[str] = ()) -> AsyncIterator[Crowd]:
    """`within` is a command that runs another one, as in a network namespace."""
    command = [*within, sys.executable, "-m", "lightcone.bench.clients.crowd"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Crowd(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@dataclass
class _Member:
    whep: str
    watched: Watched
    viewer: HeadlessViewer


class _Members:
    """The viewers, and what they do at each command."""

    def __init__(self) -> None:
        self._members: list[_Member] = []

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        match command:
            case {"join": whep, "fps": fps}:
                watched = Watched(fps)
                member = _Member(whep, watched, HeadlessViewer(watched.see))
                self._members.append(member)
                await member.viewer.join(whep)
            case {"leave": whep}:
                for member in [each for each in self._members if each.whep == whep]:
                    await member.viewer.close()
                    self._members.remove(member)
            case {"measure": seconds}:
                return {"rates": [asdict(rate) for rate in await self._measure(seconds)]}
            case {"joins": whep, "count": count}:
                return {"ms": [await _join_ms(whep, apart) for apart in _apart(count)]}
        return {"viewers": len(self._members)}

    async def close(self) -> None:
        await asyncio.gather(*(member.viewer.close() for member in self._members))

    async def _measure(self, seconds: float) -> list[Rate]:
        for member in self._members:
            member.watched.clear()
        began = time.monotonic()
        await asyncio.sleep(seconds)
        ended = time.monotonic()
        return [member.watched.rate(began, ended) for member in self._members]


def _apart(count: int) -> list[float]:
    """Seconds before each join: at every phase of the stream, and with nothing left of the join
    before, as a keyframe on its way is."""
    found: list[float] = np.random.default_rng(0).uniform(0.5, 1.0, count).tolist()
    return found


async def _join_ms(whep: str, after_s: float) -> float:
    await asyncio.sleep(after_s)
    began = time.monotonic()
    pictures: list[Picture] = []
    viewer = HeadlessViewer(pictures.append)
    try:
        await viewer.join(whep)
        ms = round(1000 * (time.monotonic() - began), 1)
        if not stands_alone(viewer.codec, pictures[0]):
            raise BenchError(f"the first picture after joining {whep} cannot be decoded")
        return ms
    finally:
        await viewer.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    members = _Members()
    while line := await lines.readline():
        answer = await members.answer(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    await members.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except BenchError as error:
        sys.exit(f"lightcone: {error}")
