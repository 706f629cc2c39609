"""The engine process, for real, with the probe world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightcone.model.families.probe.model import (
    PROBE,
    PROBE_WIDE,
    read_axis,
    read_frame_code,
    read_ground,
)
from lightcone.model.interface import (
    Axis,
    Button,
    GamepadBinding,
    PromptError,
    WorldInfo,
)
from lightcone.server.worker.host import (
    Engine,
    EngineConfig,
    EngineLost,
    EngineRefused,
    PromptResult,
    StepFailed,
)
from lightcone.server.worker.messages import (
    ChunkMemory,
    Decoder,
    Done,
    Drop,
    Failed,
    Load,
    Prompt,
    Prompted,
    Ready,
    Refused,
    Start,
    Started,
    Step,
    encode,
    info_from_wire,
    info_to_wire,
)

CONFIG = EngineConfig(
    worlds=("probe", "probe-wide"),
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
    assert engine.infos == {"probe": PROBE, "probe-wide": PROBE_WIDE}
    assert engine.chunk_s > 0
    await engine.start("a", "probe", 1, "")
    await engine.start("b", "probe", 2, "")
    await engine.step("a", PROBE, frozenset(), {})
    a, b = await asyncio.gather(
        engine.step("a", PROBE, frozenset({"right", "shoot"}), {}),
        engine.step("b", PROBE, frozenset(), {}),
    )
    assert (a.index, b.index) == (1, 0)
    assert read_frame_code(a.frames[1]) == (3, (False, True, False, True))
    assert read_frame_code(b.frames[0]) == (0, (False,) * 4)
    assert a.sound.shape == (PROBE.samples_per_chunk,)
    assert np.abs(a.sound).max() == pytest.approx(0.5, abs=0.01)
    assert not b.sound.any()


async def test_worlds_of_several_sizes_run_side_by_side(engine: Engine) -> None:
    await engine.start("a", "probe", 1, "")
    assert await engine.start("b", "probe-wide", 2, "") > 0
    for index in range(3):
        a, b = await asyncio.gather(
            engine.step("a", PROBE, frozenset(), {"turn": -1.5}),
            engine.step("b", PROBE_WIDE, frozenset({"jump"}), {"turn": 3.0}),
        )
        assert (a.index, b.index) == (index, index)
        assert (a.frames.shape, b.frames.shape) == ((2, 96, 128, 3), (2, 96, 160, 3))
        for chunk, held, axis in ((a, False, -1.5), (b, True, 3.0)):
            assert read_frame_code(chunk.frames[0]) == (2 * index, (False, False, held, False))
            assert read_axis(chunk.frames[1]) == pytest.approx(axis, abs=0.05)


async def test_a_prompt_is_taken_between_two_steps(engine: Engine) -> None:
    await engine.start("a", "probe", 1, "red")
    first, told, second = await asyncio.gather(
        engine.step("a", PROBE, frozenset(), {}),
        engine.prompt("a", "green", "blend", 3),
        engine.step("a", PROBE, frozenset(), {}),
    )
    assert told == PromptResult(1, 3)
    assert read_ground(first.frames[1]) == "red"
    assert read_ground(second.frames[0]) == "red"  # a third of the way
    await engine.step("a", PROBE, frozenset(), {})
    assert read_ground((await engine.step("a", PROBE, frozenset(), {})).frames[0]) == "green"
    with pytest.raises(PromptError) as error:
        await engine.prompt("a", "green moon", "cut", 1)
    assert error.value.words == ("moon",)
    assert await engine.prompt("a", "blue", "recache", 9) == PromptResult(4, 4)
    assert read_ground((await engine.step("a", PROBE, frozenset(), {})).frames[0]) == "blue"
    assert await engine.prompt("a", "", "cut", 1) == PromptResult(5, 5)
    assert read_ground((await engine.step("a", PROBE, frozenset(), {})).frames[0]) == "blue"
    await engine.start("b", "probe", 1, "red; green")
    assert read_ground((await engine.step("b", PROBE, frozenset(), {})).frames[0]) == "green"


async def test_a_world_starts_from_a_picture(engine: Engine) -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :, 1] = 180
    await engine.start("a", "probe", 1, "red", image)
    chunk = await engine.step("a", PROBE, frozenset(), {})
    assert read_ground(chunk.frames[0]) == "green"


async def test_steps_are_disturbed_while_something_else_is_in_flight(engine: Engine) -> None:
    assert not engine.disturbed
    starting = asyncio.create_task(engine.start("a", "probe", 1, ""))
    await asyncio.sleep(0)
    assert engine.disturbed
    starting.cancel()  # whoever asked is gone, and the engine is at it all the same
    await asyncio.sleep(0)
    assert engine.disturbed
    stepping = asyncio.create_task(engine.step("a", PROBE, frozenset(), {}))
    await stepping
    assert not engine.disturbed
    with pytest.raises(PromptError):
        await engine.prompt("a", "moon", "cut", 1)
    assert not engine.disturbed
    stepping = asyncio.create_task(engine.step("a", PROBE, frozenset(), {}))
    await asyncio.sleep(0)
    assert not engine.disturbed
    await stepping


async def test_a_failed_step_leaves_the_others_alone(engine: Engine) -> None:
    await engine.start("a", "probe", 1, "")
    with pytest.raises(StepFailed, match="KeyError"):
        await engine.step("none", PROBE, frozenset(), {})
    assert (await engine.step("a", PROBE, frozenset(), {})).index == 0
    engine.drop("a")
    with pytest.raises(StepFailed):
        await engine.step("a", PROBE, frozenset(), {})


async def test_a_crash_is_told_to_whoever_waits(engine: Engine) -> None:
    await engine.start("a", "probe", 1, "")
    step = asyncio.create_task(engine.step("a", PROBE, frozenset(), {}))
    await asyncio.sleep(0)
    engine.kill()
    with pytest.raises(EngineLost):
        await step
    await engine.lost
    with pytest.raises(EngineLost):
        await engine.step("a", PROBE, frozenset(), {})
    engine.drop("a")


async def test_a_world_that_can_not_be_opened_is_refused() -> None:
    with pytest.raises(EngineRefused, match="atlantis"):
        await Engine.launch(replace(CONFIG, worlds=("atlantis",)))


async def test_a_launch_can_be_given_up() -> None:
    launching = asyncio.create_task(Engine.launch(CONFIG))
    await asyncio.sleep(0)  # the process is on its way
    launching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launching


def test_messages_survive_any_cut() -> None:
    messages = [
        Load(["probe"], "w", 1, "cpu", 2.0, 1),
        Start(1, "a", "probe", 7, "night", b"\x00\xff"),
        Prompt(1, "a", "day", "blend", 12),
        Step(2, "a", 0, ["left"], {"turn": -0.5}),
        Drop("a"),
        Ready([{"name": "x"}], 1.5),
        Refused("WeightsError", "none"),
        Started(1, 1.5),
        Prompted(1, 3, 9),
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
    axes = (Axis("turn", "Turn", -1.0, 2.0, "x", pads[1]), Axis("tilt", "Tilt", 0.0, 1.0))
    info = WorldInfo("w", "W", "d", 16, 8, 2, (button,), words=("night",), axes=axes)
    info = replace(info, words=("night", "wide"), changing_words=("night",))
    decoder = Decoder()
    [ready] = decoder.feed(encode(Ready([info_to_wire(info)], 1.0)))
    assert isinstance(ready, Ready)
    assert [info_from_wire(each) for each in ready.infos] == [info]


def test_slots_do_not_overlap_whatever_world_is_in_them(tmp_path: Path) -> None:
    infos = [WorldInfo("a", "A", "d", 5, 3, 2, ()), WorldInfo("b", "B", "d", 7, 4, 1, ())]
    with (tmp_path / "memory").open("w+b") as file:
        ours = ChunkMemory(file.fileno(), infos, 3)
        theirs = ChunkMemory(file.fileno(), infos, 3)
        used = [infos[0], infos[1], infos[0]]
        for slot, info in enumerate(used):
            shape = (info.frames_per_chunk, info.height, info.width, 3)
            sound = np.full(info.samples_per_chunk, slot / 4, np.float32)
            theirs.write(slot, info, np.full(shape, slot + 1, np.uint8), sound)
        for slot, info in enumerate(used):
            frames, sound = ours.read(slot, info)
            assert frames.shape[0] == info.frames_per_chunk
            assert (frames == slot + 1).all()
            assert (sound == slot / 4).all()
