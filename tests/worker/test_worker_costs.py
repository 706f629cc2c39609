"""What a step takes, as the worker reports it."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import run_virtual
from virtual_worker import VirtualWorker

from lightcone.server.scheduling.costs import ENOUGH

CHUNK_S = 2 / 24


def test_the_costs_of_a_world_follow_its_steps() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        first = worker.service.step_ms["probe"]
        worker.computing.factor = 0.5  # the machine was busy when the world was opened
        await worker.open("a", "probe")
        await asyncio.sleep((ENOUGH - 10) * CHUNK_S)
        assert worker.service.step_ms["probe"] == first
        await asyncio.sleep(20 * CHUNK_S)
        after = {bucket: ms * 10 / first[1] for bucket, ms in first.items()}
        assert worker.service.step_ms["probe"] == pytest.approx(after)
        worker.close()

    run_virtual(scenario())
