"""Just-in-time generation, in virtual time: a world on an engine and a stream that note what
happens when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from virtual_time import run_virtual

from model.interface import How, PromptError, WorldInfo
from model.worlds.probe import PROBE
from server.control import serve_control
from server.engine import EngineLost, PromptResult, StepFailed, StepResult
from server.outbox import MAX_WAITING
from server.pacer import FIRST
from server.protocol import (
    VERSION,
    Error,
    Hello,
    Input,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Receipt,
    Stall,
    Status,
    decode_server,
    encode,
)
from server.seats import Seat
from server.world import GRACE_S, MAX_PROMPTS, LiveWorld, WorldOrigin
from streaming import MediaClock

CHUNK_S = PROBE.chunk_seconds


class NotingEngine:
    """Steps take `compute_s`; keeps (start, held) of each."""

    def __init__(self, compute_s: float) -> None:
        self.compute_s = compute_s
        self.steps: list[tuple[float, frozenset[str]]] = []
        self.axes: list[Mapping[str, float]] = []
        self.prompts: list[str] = []
        self.prompt_s = 0.0
        self.starting = False  # another world
        self._prompting = 0
        self.dropped: list[str] = []
        self.failure: Exception | None = None
        self.killed = False

    @property
    def disturbed(self) -> bool:
        return self.starting or self._prompting > 0

    async def prompt(self, key: str, text: str, how: How, chunks: int) -> PromptResult:
        self._prompting += 1
        await asyncio.sleep(self.prompt_s)
        self._prompting -= 1
        if text == "moon":
            raise PromptError(["moon"], ["red"])
        if text == "fail":
            raise StepFailed("RuntimeError: no")
        self.prompts.append(text)
        first = len(self.steps)
        return PromptResult(first, first + (chunks - 1 if how == "blend" else 0))

    async def step(
        self, key: str, info: WorldInfo, held: frozenset[str], axes: Mapping[str, float]
    ) -> StepResult:
        self.steps.append((asyncio.get_running_loop().time(), held))
        self.axes.append(axes)
        await asyncio.sleep(self.compute_s)
        if self.failure is not None:
            raise self.failure
        frames = np.zeros((PROBE.frames_per_chunk, PROBE.height, PROBE.width, 3), np.uint8)
        sound = np.zeros(PROBE.samples_per_chunk, np.float32)
        return StepResult(len(self.steps) - 1, self.compute_s, frames, sound)

    def drop(self, key: str) -> None:
        self.dropped.append(key)

    def kill(self) -> None:
        self.killed = True


class NotingStream:
    """Keeps (time, lateness) of each chunk."""

    def __init__(self, clock: MediaClock) -> None:
        self.viewers = 0
        self.on_viewers: Callable[[int], None] | None = None
        self.pushed: list[tuple[float, float]] = []
        self.closed = False
        self._clock = clock

    def push(self, first_frame: int, frames: Any, sound: Any) -> None:
        assert first_frame == len(self.pushed) * PROBE.frames_per_chunk
        now = asyncio.get_running_loop().time()
        self.pushed.append((now, now - self._clock.due(first_frame)))

    def watch(self, viewers: int) -> None:
        self.viewers = viewers
        if self.on_viewers is not None:
            self.on_viewers(viewers)

    async def close(self) -> None:
        self.closed = True


class Stage:
    def __init__(self, compute_s: float = 0.02) -> None:
        self.clock = MediaClock()
        self.engine = NotingEngine(compute_s)
        self.stream = NotingStream(self.clock)
        self.world = LiveWorld(
            # so that the first prediction is right
            WorldOrigin("w", PROBE, compute_s / FIRST, 7, ""),
            self.engine,  # type: ignore[arg-type]
            self.clock,
            self.stream,  # type: ignore[arg-type]
            step_timeout_s=5.0,
        )

    def due(self, chunk: int) -> float:
        return self.clock.due(chunk * PROBE.frames_per_chunk)


def received(seat: Seat) -> list[Any]:
    return [decode_server(data) for data in seat.outbox.take()]


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


def test_a_prompt_has_a_receipt_and_everybody_is_told() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat, onlooker = stage.world.join("driver"), stage.world.join("viewer")
        stage.stream.watch(1)
        await asyncio.sleep(1.0)
        stage.world.accept_prompt(seat, Prompt(seq=3, t=1.5, text="red", how="blend", chunks=12))
        await asyncio.sleep(0.01)
        [told] = [m for m in received(seat) if isinstance(m, PromptReceipt)]
        frame = len(stage.engine.steps) * 2
        assert (told.seq, told.t, told.text) == (3, 1.5, "red")
        assert (told.frame, told.full_frame) == (frame, frame + 22)
        assert told.full_media_time == (frame + 22) / 24
        assert received(onlooker)[-1].prompt == "red"
        await stage.world.end("done")

    run_virtual(scenario())


def test_the_status_tells_all_that_the_world_was_told() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        told: list[str] = []
        for seq, text in enumerate(["red", "", "green", "moon", "red"]):
            stage.world.accept_prompt(seat, Prompt(seq=seq, t=0.0, text=text))
            await asyncio.sleep(0.01)
            told += [m.prompt for m in received(seat) if isinstance(m, Status)]
        assert told == ["red", "red", "red; green", "green; red"]
        await stage.world.end("done")

    run_virtual(scenario())


def test_prompts_that_are_refused_change_nothing() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat, onlooker = stage.world.join("driver"), stage.world.join("viewer")
        received(seat)
        with pytest.raises(ProtocolError) as error:
            stage.world.accept_prompt(onlooker, Prompt(seq=1, t=0.0, text="red"))
        assert error.value.code == "not_driver"
        for seq, text in enumerate(["moon", "fail"]):
            stage.world.accept_prompt(seat, Prompt(seq=seq, t=0.0, text=text))
        with pytest.raises(ProtocolError) as error:
            stage.world.accept_prompt(seat, Prompt(seq=1, t=0.0, text="red"))
        assert error.value.code == "stale_sequence"
        await asyncio.sleep(0.01)
        unknown, failed = received(seat)
        assert (unknown.seq, failed.seq) == (0, 1)
        assert (unknown.code, unknown.words, unknown.known) == ("unknown_words", ["moon"], ["red"])
        assert (failed.code, failed.fatal) == ("prompt_failed", False)
        assert (stage.world.prompt, stage.world.phase) == ("", "starting")
        await stage.world.end("done")

    run_virtual(scenario())


def test_only_so_many_prompts_wait_and_slow_ones_do_not_widen_the_margin() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat = stage.world.join("driver")
        stage.stream.watch(1)
        await asyncio.sleep(1.0)
        stage.engine.prompt_s = 0.2
        for seq in range(MAX_PROMPTS):
            stage.world.accept_prompt(seat, Prompt(seq=seq, t=0.0, text=""))
        with pytest.raises(ProtocolError) as error:
            stage.world.accept_prompt(seat, Prompt(seq=9, t=0.0, text=""))
        assert error.value.code == "too_many_prompts"
        stage.engine.compute_s = 0.06  # it waits for the prompts
        await asyncio.sleep(0.19)
        stage.engine.compute_s = 0.02
        await asyncio.sleep(1.0)
        assert len(stage.engine.prompts) == MAX_PROMPTS
        assert stage.stream.pushed[-1][1] > -0.01
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


class SilentSocket:
    """A control client that connects and says nothing, or reads nothing."""

    def __init__(self, *said: bytes, reads: bool = True) -> None:
        self.said = list(said)
        self.reads = reads
        self.sent: list[Any] = []
        self.close_code = 0

    async def accept(self) -> None:
        pass

    async def receive(self) -> dict[str, Any]:
        if not self.said:
            await asyncio.Event().wait()
        return {"type": "websocket.receive", "bytes": self.said.pop(0)}

    async def send_bytes(self, data: bytes) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        self.sent.append(decode_server(data))

    async def close(self, code: int, reason: str) -> None:
        self.close_code = code


def test_a_control_client_that_says_nothing_is_let_go() -> None:
    async def scenario() -> None:
        stage = Stage()
        client = SilentSocket()
        await serve_control(client, stage.world, 8)  # type: ignore[arg-type]
        assert client.close_code == 4408
        assert client.sent[0].code == "expected_hello"
        assert len(stage.world.seats) == 0
        await stage.world.end("done")

    run_virtual(scenario())


def test_a_control_client_that_does_not_read_slows_nothing_and_is_let_go() -> None:
    async def scenario() -> None:
        stage = Stage()
        client = SilentSocket(encode(Hello(version=VERSION)), reads=False)
        serving = asyncio.create_task(
            serve_control(client, stage.world, 8)  # type: ignore[arg-type]
        )
        stage.stream.watch(1)
        await asyncio.sleep(60)
        assert stage.clock.stalls == 0
        [seat] = stage.world.seats
        for seq in range(MAX_WAITING + 100):
            if seq % 250 == 0:
                await asyncio.sleep(0.2)
            stage.world.accept(seat, Input(seq=seq, t=0.0, buttons=[]))
        await serving
        assert client.close_code == 4430
        assert len(stage.world.seats) == 0
        assert stage.clock.stalls == 0
        await stage.world.end("done")

    run_virtual(scenario())


def test_there_are_only_so_many_control_clients() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.world.join("viewer")
        client = SilentSocket()
        await serve_control(client, stage.world, 1)  # type: ignore[arg-type]
        assert (client.close_code, client.sent[0].code) == (4429, "too_many_clients")
        await stage.world.end("done")

    run_virtual(scenario())
