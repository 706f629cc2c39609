"""The engine process, for real, with the probe world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.interface import Button, GamepadBinding, WorldInfo
from model.worlds.probe import PROBE, read_frame_code
from server.engine import Engine, EngineConfig, EngineLost, EngineRefused, StepFailed
from server.wire import (
    ChunkMemory,
    Decoder,
    Done,
    Drop,
    Failed,
    Load,
    Ready,
    Refused,
    Start,
    Step,
    encode,
    info_from_wire,
    info_to_wire,
)

CONFIG = EngineConfig(
    world="probe",
    weights=Path("none"),
    steps=1,
    device="cpu",
    threads=1,
    probe_compute_ms=1.0,
    slots=2,
)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = await Engine.launch(CONFIG)
    yield engine
    await engine.close()


async def test_chunks_of_several_worlds_cross_shared_memory(engine: Engine) -> None:
    assert engine.info == PROBE
    assert engine.chunk_s > 0
    await engine.start("a", 1, "")
    await engine.start("b", 2, "")
    await engine.step("a", frozenset())
    a, b = await asyncio.gather(
        engine.step("a", frozenset({"right", "shoot"})), engine.step("b", frozenset())
    )
    assert (a.index, b.index) == (1, 0)
    assert read_frame_code(a.frames[1]) == (3, (False, True, False, True))
    assert read_frame_code(b.frames[0]) == (0, (False,) * 4)
    assert a.sound.shape == (PROBE.samples_per_chunk,)
    assert np.abs(a.sound).max() == pytest.approx(0.5, abs=0.01)
    assert not b.sound.any()


async def test_a_failed_step_leaves_the_others_alone(engine: Engine) -> None:
    await engine.start("a", 1, "")
    with pytest.raises(StepFailed, match="KeyError"):
        await engine.step("none", frozenset())
    assert (await engine.step("a", frozenset())).index == 0
    engine.drop("a")
    with pytest.raises(StepFailed):
        await engine.step("a", frozenset())


async def test_a_crash_is_told_to_whoever_waits(engine: Engine) -> None:
    await engine.start("a", 1, "")
    step = asyncio.create_task(engine.step("a", frozenset()))
    await asyncio.sleep(0)
    engine.kill()
    with pytest.raises(EngineLost):
        await step
    await engine.lost
    with pytest.raises(EngineLost):
        await engine.step("a", frozenset())
    engine.drop("a")


async def test_a_world_that_can_not_be_opened_is_refused() -> None:
    with pytest.raises(EngineRefused, match="atlantis"):
        await Engine.launch(replace(CONFIG, world="atlantis"))


async def test_a_launch_can_be_given_up() -> None:
    launching = asyncio.create_task(Engine.launch(CONFIG))
    await asyncio.sleep(0)  # the process is on its way
    launching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launching


def test_messages_survive_any_cut() -> None:
    messages = [
        Load("probe", "w", 1, "cpu", 2.0, 1),
        Start(1, "a", 7, "night"),
        Step(2, "a", 0, [1, 3]),
        Drop("a"),
        Ready({"name": "x"}, 1.5),
        Refused("WeightsError", "none"),
        Done(2, 5, 1.25),
        Failed(3, "PromptError", "no", ["moon"], ["night"]),
    ]
    stream = b"".join(encode(message) for message in messages)
    for size in (1, 7, len(stream)):
        decoder = Decoder()
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [message for part in parts for message in decoder.feed(part)] == messages


def test_the_facts_of_a_world_survive_the_wire() -> None:
    pads = (GamepadBinding("button", 3), GamepadBinding("axis", 0, -1))
    button = Button("left", "Left", ("KeyA", "ArrowLeft"), pads)
    info = WorldInfo("w", "W", "d", 16, 8, 2, (button,), words=("night",))
    decoder = Decoder()
    [ready] = decoder.feed(encode(Ready(info_to_wire(info), 1.0)))
    assert isinstance(ready, Ready)
    assert info_from_wire(ready.info) == info


def test_slots_do_not_overlap(tmp_path: Path) -> None:
    info = WorldInfo("w", "W", "d", 5, 3, 2, ())
    with (tmp_path / "memory").open("w+b") as file:
        ours = ChunkMemory(file.fileno(), info, 3)
        theirs = ChunkMemory(file.fileno(), info, 3)
        for slot in range(3):
            frames = np.full((2, 3, 5, 3), slot + 1, np.uint8)
            theirs.write(slot, frames, np.full(2000, slot / 4, np.float32))
        for slot in range(3):
            frames, sound = ours.read(slot)
            assert (frames == slot + 1).all()
            assert (sound == slot / 4).all()
