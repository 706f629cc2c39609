"""Viewers in a process of their own, so that their CPU is not the server's.

`python -m lightcone.bench.crowd WHEP_URL` adds one viewer for each line on stdin and prints a
line once it sees the picture; at the end of stdin all leave. `Crowd` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator

from lightcone.bench.client_headless import HeadlessViewer
from lightcone.bench.errors import BenchError

JOINED = b"joined\n"
PATIENCE_S = 60


class Crowd:
    """Viewers of one world in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.viewers = 0
        self._process = process

    async def add(self) -> None:
        """One more; returns when it sees the picture. Raises BenchError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(PATIENCE_S):
            said = await self._process.stdout.readline()
        if said != JOINED:
            raise BenchError(f"viewer {self.viewers + 1} could not join; it said why above")
        self.viewers += 1


@contextlib.asynccontextmanager
async def crowd(whep: str) -> AsyncIterator[Crowd]:
    command = [sys.executable, "-m", "lightcone.bench.crowd", whep]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Crowd(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def main(whep: str) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    viewers: list[HeadlessViewer] = []
    while await lines.readline():
        viewer = HeadlessViewer()
        viewers.append(viewer)
        await viewer.join(whep)
        sys.stdout.buffer.write(JOINED)
        sys.stdout.flush()
    await asyncio.gather(*(viewer.close() for viewer in viewers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
