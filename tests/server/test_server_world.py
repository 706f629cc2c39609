"""Just-in-time generation, in virtual time: a world on an engine and a stream that note what
happens when."""

from __future__ import annotations

import asyncio

import pytest
from staging import CHUNK_S, Stage, received
from virtual_time import run_virtual

from lightcone.model.families.probe.model import PROBE
from lightcone.server.control.protocol import (
    Error,
    Input,
    Receipt,
    Stall,
    Status,
)
from lightcone.server.sessions.session import GRACE_S
from lightcone.server.worker.host import (
    EngineLost,
    StepFailed,
)


def test_chunks_are_started_just_in_time_and_never_ahead_of_playback() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(3.0)
        assert len(stage.stream.pushed) >= 35
        for chunk in range(1, len(stage.stream.pushed)):
            started, (pushed, late) = stage.engine.steps[chunk][0], stage.stream.pushed[chunk]
            assert -0.01 < late <= 0
            assert started > stage.due(chunk - 1)
            assert started < pushed
        assert stage.clock.stalls == 0
        await stage.world.end("done")

    run_virtual(scenario())


def test_input_is_sampled_when_the_chunk_starts_and_not_before() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        stage.stream.watch(1)
        await asyncio.sleep(1.0)
        chunk = len(stage.engine.steps)
        start = stage.due(chunk) - 0.023  # 20 ms to compute, 3 ms of margin
        await asyncio.sleep(start - 0.002 - asyncio.get_running_loop().time())
        assert len(stage.engine.steps) == chunk
        stage.world.accept(seat, Input(seq=4, t=1.5, buttons=["right"]))
        await asyncio.sleep(CHUNK_S)
        assert stage.engine.steps[chunk - 1][1] == frozenset()
        assert stage.engine.steps[chunk][1] == {"right"}
        receipts = [m for m in received(seat) if isinstance(m, Receipt)]
        frame = chunk * PROBE.frames_per_chunk
        assert receipts == [Receipt(seq=4, t=1.5, frame=frame, media_time=frame / 24)]
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_world_that_nobody_watches_is_not_stepped() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        await asyncio.sleep(10)
        assert stage.engine.steps == []
        assert stage.world.phase == "starting"
        assert stage.world.idle_s() == 0
        stage.stream.watch(1)
        await asyncio.sleep(1)
        assert stage.world.phase == "running"
        stage.stream.watch(0)
        stage.world.leave(seat)
        await asyncio.sleep(0.1)
        steps, media_time = len(stage.engine.steps), stage.world.media_time
        await asyncio.sleep(3600)
        assert stage.world.phase == "paused"
        assert (len(stage.engine.steps), stage.world.media_time) == (steps, media_time)
        assert stage.world.idle_s() == pytest.approx(3600.1)
        stage.stream.watch(1)
        assert stage.world.phase == "running"
        await asyncio.sleep(1)
        assert stage.clock.stalls == 0
        assert stage.world.media_time == pytest.approx(media_time + 1)
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_pause_between_two_chunks_moves_the_start_of_the_next() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(1)
        chunk = len(stage.engine.steps)
        await asyncio.sleep(stage.due(chunk) - 0.04 - asyncio.get_running_loop().time())
        assert len(stage.engine.steps) == chunk
        stage.stream.watch(0)
        await asyncio.sleep(0.01)
        stage.stream.watch(1)
        await asyncio.sleep(CHUNK_S)
        assert stage.engine.steps[chunk][0] == pytest.approx(stage.due(chunk) - 0.021, abs=0.0015)
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_late_chunk_moves_the_clock_once_and_everybody_is_told() -> None:
    async def scenario() -> None:
        stage = Stage()
        seats = [stage.world.join("driver"), stage.world.join("viewer")]
        stage.stream.watch(1)
        await asyncio.sleep(1)
        stage.engine.compute_s = 0.2
        late = len(stage.engine.steps)
        await asyncio.sleep(stage.due(late) - asyncio.get_running_loop().time())
        stage.engine.compute_s = 0.02
        await asyncio.sleep(2)
        assert stage.clock.stalls == 1
        assert stage.stream.pushed[late][1] == 0
        for seat in seats:
            messages = received(seat)
            stalls = [m for m in messages if isinstance(m, Stall)]
            assert [stall.held_ms for stall in stalls] == [
                pytest.approx(1000 * stage.clock.stalled_s)
            ]
            assert isinstance(messages[-1], Status)
            assert messages[-1].stalls == 1
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_chunk_within_the_grace_is_no_stall_but_widens_the_margin() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(1)
        before = stage.engine.compute_s
        stage.engine.compute_s = before + 0.003 + GRACE_S / 2
        await asyncio.sleep(3 * CHUNK_S)
        stage.engine.compute_s = before
        await asyncio.sleep(1)
        assert stage.clock.stalls == 0
        assert max(late for _, late in stage.stream.pushed) > 0
        assert stage.stream.pushed[-1][1] < -0.005
        await stage.world.end("done")

    run_virtual(scenario())


def test_what_an_axis_moves_between_two_chunks_is_in_the_second() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        stage.stream.watch(1)
        await asyncio.sleep(1.0)
        chunk = len(stage.engine.steps)
        for seq, strength in enumerate([3.0, 0.0]):  # a flick of 20 ms
            t = 1000 * asyncio.get_running_loop().time()
            stage.world.accept(seat, Input(seq=seq, t=t, buttons=[], axes={"turn": strength}))
            await asyncio.sleep(0.02)
        await asyncio.sleep(2 * CHUNK_S)
        moved = [axes.get("turn", 0.0) * CHUNK_S for axes in stage.engine.axes]
        assert sum(moved) == pytest.approx(0.06, rel=0.05)
        assert moved[:chunk] == [0.0] * chunk
        assert stage.engine.axes[-1] == {}
        await stage.world.end("done")

    run_virtual(scenario())


def test_waiting_for_another_worlds_start_does_not_widen_the_margin() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(1.0)
        stage.engine.starting, stage.engine.compute_s = True, 0.5
        await asyncio.sleep(0.1)
        stage.engine.starting, stage.engine.compute_s = False, 0.02
        await asyncio.sleep(2.0)
        assert stage.clock.stalls == 1
        assert stage.due(len(stage.engine.steps) - 1) - stage.engine.steps[-1][0] < 0.03
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_failed_step_fails_the_world() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        stage.stream.watch(1)
        await asyncio.sleep(1)
        stage.engine.failure = StepFailed("RuntimeError: out of memory")
        await stage.world.over.wait()
        await asyncio.sleep(0)
        assert (stage.world.phase, stage.world.live) == ("failed", False)
        assert stage.engine.dropped == ["w"]
        assert stage.stream.closed
        *_, error, status = received(seat)
        assert isinstance(error, Error)
        assert (error.code, error.fatal) == ("world_failed", True)
        assert isinstance(status, Status)
        assert (status.phase, status.reason) == ("failed", "RuntimeError: out of memory")
        await stage.world.end("room is needed")
        assert stage.world.phase == "ended"

    run_virtual(scenario())


def test_a_lost_engine_stops_the_run_and_its_owner_fails_the_world() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(1)
        stage.engine.failure = EngineLost("gone")
        await asyncio.sleep(1)
        steps = len(stage.engine.steps)
        await asyncio.sleep(1)
        assert len(stage.engine.steps) == steps
        await stage.world.fail("the engine crashed")
        assert stage.world.phase == "failed"

    run_virtual(scenario())


def test_an_engine_that_hangs_is_killed() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        await asyncio.sleep(1)
        stage.engine.compute_s = 1e6
        await asyncio.sleep(6)
        assert stage.engine.killed
        await stage.world.fail("the engine crashed")

    run_virtual(scenario())


def test_ending_while_a_chunk_is_made_delivers_nothing_more() -> None:
    async def scenario() -> None:
        stage = Stage(compute_s=0.05)
        stage.stream.watch(1)
        await asyncio.sleep(1)
        pushed = len(stage.stream.pushed)
        await stage.world.end("deleted")
        await asyncio.sleep(1)
        assert len(stage.stream.pushed) == pushed
        assert stage.engine.dropped == ["w"]

    run_virtual(scenario())
