"""Prompts to a world that runs: receipts, refusals, and what everybody is told."""

from __future__ import annotations

import asyncio

import pytest
from staging import Stage, received
from virtual_time import run_virtual

from lightcone.server.control.protocol import (
    Prompt,
    PromptReceipt,
    ProtocolError,
    Status,
)
from lightcone.server.sessions.session import MAX_PROMPTS


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
