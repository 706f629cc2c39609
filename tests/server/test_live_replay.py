"""The log of a served session, beside others and through a crash, gives the same latents."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
from serving import Served

from lightcone.bench.clients.control import control
from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import SessionEntry, api
from lightcone.bench.procfs import child_running
from lightcone.bench.server_process import WORKER
from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.interface import Model
from lightcone.server.cli.replay import compare
from lightcone.server.sessions.action_log import (
    ActionLog,
    LoggedReturn,
    parse_log,
)


class Play:
    """A session that is watched, and steered by turns of its buttons."""

    def __init__(self, entry: SessionEntry) -> None:
        self.entry = entry
        self.viewer = HeadlessViewer()

    async def watch(self) -> None:
        await self.viewer.join(self.entry.whep)

    async def play(self, pictures: int) -> None:
        """Until so many more have come, half of them with a button held."""
        async with control(self.entry.control) as driver:
            for held in ([driver.controls[0]["name"]], []):
                await driver.hold(held)
                await self._until(self.viewer.pictures + pictures // 2)

    async def _until(self, pictures: int) -> None:
        await self.viewer.progress.until(lambda: self.viewer.pictures >= pictures, "pictures", 60)


# a slow machine has room for all sessions, too
ROOMY = ("--overbook", "100", "--scale", "1", "--grace-s", "0")


async def played(server: Served) -> list[ActionLog]:
    """The logs of two sessions, the first of which was rewound, and of a fork of it; all went on
    in another worker."""
    async with api(server.url) as http, httpx.AsyncClient(base_url=server.url) as client:
        first, second = Play(await http.new(None, 1)), Play(await http.new(None, 2))
        await first.watch()
        await second.watch()
        await first.play(36)
        await client.post(f"/sessions/{first.entry.id}/rewind", json={"world_frame": 12})
        await second.play(12)
        fork = Play(await http.fork(first.entry.id))
        await fork.watch()
        await fork.play(12)
        worker = child_running(server.process.pid, WORKER)
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        sessions = (first, second, fork)
        await asyncio.gather(*(session.play(24) for session in sessions))
        logs = []
        for session in sessions:
            answer = await client.get(f"/sessions/{session.entry.id}/log")
            logs.append(parse_log(answer.content))
            await session.viewer.close()
            await http.end(session.entry.id)
        return logs


def check(logs: list[ActionLog], model: Model) -> None:
    for log in logs:
        returns = [entry for entry in log.entries if isinstance(entry, LoggedReturn)]
        assert any(entry.crash for entry in returns)
        assert all(equal for _, _, equal in compare(model, log))


async def test_the_probe(serve: Callable[..., Served]) -> None:
    logs = await played(serve("--probe-compute-ms", "1", *ROOMY))
    check(logs, open_model(("probe",), ModelSettings(probe_compute_ms=0)))


async def test_a_learned_world(serve: Callable[..., Served], tmp_path: Path) -> None:
    from small_worlds import small_weights  # loads torch

    small_weights(("court",)).save(tmp_path)
    logs = await played(serve("--weights", str(tmp_path), *ROOMY, worlds="court"))
    check(logs, open_model(("court",), ModelSettings(tmp_path)))
