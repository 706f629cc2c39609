"""One session that fails, hangs or is slow, and its neighbours, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from test_worker_service import follow
from virtual_time import run_virtual
from virtual_worker import VirtualWorker

from lightcone.server.worker import messages as wire

PATIENCE_S = 0.5


async def three(worker: VirtualWorker) -> None:
    for name in "abc":
        await worker.open(name, "probe-faulty")
    await asyncio.sleep(1)
    assert worker.made("a")[-1].batch == 3


def test_one_that_raises_fails_alone() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty", compute_ms=10)
        await three(worker)
        await worker.condition("b", "raise")
        await asyncio.sleep(2)
        [failed] = worker.of("b", wire.SessionFailed)
        assert (failed.kind, failed.message) == ("RuntimeError", "a faulty probe raises")
        for name in "ac":
            assert follow(worker.made(name))
            assert worker.held_s(name) == pytest.approx(0, abs=0.02)
            assert worker.made(name)[-1].batch == 2
            assert not worker.of(name, wire.SessionFailed)
        worker.close()

    run_virtual(scenario())


def test_one_that_hangs_fails_alone_and_holds_the_others_up_once() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty", compute_ms=10, step_timeout_s=3)
        await three(worker)
        await worker.condition("b", "hang")
        await asyncio.sleep(2)
        assert not worker.of("b", wire.SessionFailed)
        for name in "ac":
            assert worker.held_s(name) < PATIENCE_S + 0.2
            assert worker.made(name)[-1].batch == 2
        held = {name: worker.held_s(name) for name in "ac"}
        await asyncio.sleep(3)
        [failed] = worker.of("b", wire.SessionFailed)
        assert failed.kind == "StepTimeout"
        for name in "ac":
            assert follow(worker.made(name))
            assert worker.held_s(name) == held[name]
        # What the thread that was left behind makes in the end is nobody's.
        await asyncio.sleep(70)
        assert follow(worker.made("a"))
        worker.close()

    run_virtual(scenario())


def test_one_that_is_slow_is_stepped_alone() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty", compute_ms=20)
        await three(worker)
        await worker.condition("b", "slow")
        await asyncio.sleep(4)
        held = {name: worker.held_s(name) for name in "ac"}
        await asyncio.sleep(4)
        for name in "ac":
            assert follow(worker.made(name))
            assert worker.held_s(name) == held[name]
            assert worker.made(name)[-1].batch == 2
        assert worker.made("b")[-1].batch == 1
        await worker.condition("b", "fine")
        await asyncio.sleep(4)
        assert worker.made("b")[-1].batch == 3
        worker.close()

    run_virtual(scenario())


def test_a_session_alone_that_raises_fails() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty")
        await worker.open("a", "probe-faulty", "raise")
        await asyncio.sleep(1)
        assert len(worker.of("a", wire.SessionFailed)) == 1
        assert not worker.made("a")
        failed = await worker.ask(lambda n: wire.Save(n, "a"), wire.Failed)
        assert failed.kind == "UnknownSession"
        worker.close()

    run_virtual(scenario())


def test_a_machine_that_is_too_slow_lowers_steps_then_the_rate_and_never_the_pace() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe", compute_ms=60)
        await worker.open("a", "probe")
        await asyncio.sleep(2)
        worker.computing.factor = 2.2  # 132 ms of 83, 66 with one step
        await asyncio.sleep(8)
        levels = worker.of("a", wire.Level)
        assert [(level.steps, level.rate) for level in levels] == [(2, 1.0), (1, 1.0)]
        held = worker.held_s("a")
        await asyncio.sleep(3)
        assert worker.held_s("a") == held
        worker.computing.factor = (
            4  # 120 ms with one step; a chunk lasts 111 ms at 3/4, 167 at half
        )
        await asyncio.sleep(8)
        assert [level.rate for level in worker.of("a", wire.Level)][2:] == [0.75, 0.5]
        assert not worker.of("a", wire.Level)[-1].overloaded
        worker.computing.factor = 8
        await asyncio.sleep(8)
        assert worker.of("a", wire.Level)[-1].overloaded
        worker.computing.factor = 1
        await asyncio.sleep(60)
        last = worker.of("a", wire.Level)[-1]
        assert (last.steps, last.rate, last.overloaded) == (2, 1.0, False)
        assert follow(worker.made("a"))
        worker.close()

    run_virtual(scenario())


@pytest.mark.parametrize("factor", [3.0, 6.0, 9.0, 20.0])
@pytest.mark.parametrize("between", [0.2, 0.33, 0.5])
def test_a_machine_that_is_slow_now_and_then_stops_nobody_for_good(
    factor: float, between: float
) -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty", compute_ms=30)
        await three(worker)
        for _ in range(30):
            worker.computing.factor = factor
            await asyncio.sleep(0.12)
            worker.computing.factor = 1.0
            await asyncio.sleep(between)
        before = {name: len(worker.made(name)) for name in "abc"}
        await asyncio.sleep(10)
        for name in "abc":
            assert len(worker.made(name)) > before[name] + 50
            assert follow(worker.made(name))
        worker.close()

    run_virtual(scenario())
