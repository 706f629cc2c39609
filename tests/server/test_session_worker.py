"""A session and its worker, in virtual time: what is asked of it, and its loss."""

from __future__ import annotations

import asyncio
import time

import pytest
from staging import SENDING, Stage, only, received
from virtual_time import run_virtual

from lightcone.model.families.probe.variants import PROBE_60, PROBE_TEXT
from lightcone.server.control.commands import MAX_PROMPTS
from lightcone.server.control.protocol import (
    Error,
    Input,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Rewind,
    RewindReceipt,
    Status,
)
from lightcone.server.sessions.remote_state import Restoring, TooFarBack
from lightcone.server.worker import messages as wire

KEY = Input(seq=1, t=0.5, buttons=["left"])


def test_a_lost_worker_is_followed_by_another_one() -> None:
    async def scenario() -> None:
        stage, next_stage = Stage(), Stage()
        seat, outbox, commands = stage.join()
        stage.stream.watch(1)
        for _ in range(15):
            stage.made()
        stage.kept()
        stage.made()
        session, new = stage.session, next_stage.worker
        session.lose_worker()
        assert session.phase == "restoring"
        with pytest.raises(Restoring):
            await session.save()
        commands.take(KEY)
        restoring = asyncio.create_task(session.restore(new))  # type: ignore[arg-type]
        await restoring
        [[snapshot, sending]] = new.of("restore")
        assert snapshot == b"30"
        assert (sending.stream_frame, sending.scale) == (32, SENDING.scale)
        assert sending.media_time == pytest.approx(32 / 24)
        assert new.of("input") == [[seat.id, 1]]
        assert new.of("watch")[-1][0] is True
        assert session.phase == "restoring"
        settled = asyncio.create_task(session.settled())
        await asyncio.sleep(0)
        assert not settled.done()
        stage.frame = 30
        stage.made()
        await settled
        phases = [status.phase for status in only(received(outbox), Status)]
        assert phases[-1] == "running"
        await session.end("done")
        await next_stage.session.end("done")

    run_virtual(scenario())


def test_a_session_that_nobody_watches_stands_once_it_is_restored() -> None:
    async def scenario() -> None:
        stage, new = Stage(), Stage().worker
        stage.stream.watch(1)
        stage.made()
        stage.stream.watch(0)
        stage.session.lose_worker()
        await stage.session.restore(new)  # type: ignore[arg-type]
        assert stage.session.phase == "paused"
        stage.session.lose_worker()
        stage.stream.watch(1)
        stage.stream.watch(0)
        await stage.session.restore(new)  # type: ignore[arg-type]
        assert stage.session.phase == "paused"
        await stage.session.end("done")

    run_virtual(scenario())


def test_one_that_ends_while_it_is_restored_is_dropped() -> None:
    async def scenario() -> None:
        stage, new = Stage(), Stage().worker
        stage.session.lose_worker()
        restoring = asyncio.create_task(stage.session.restore(new))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        await stage.session.end("done")
        await restoring
        assert new.of("drop") == [[]]

    run_virtual(scenario())


def test_a_prompt_has_a_receipt_or_an_error() -> None:
    async def scenario() -> None:
        stage = Stage()
        _, outbox, commands = stage.join()
        received(outbox)
        for seq, text in enumerate(["red", "moon", "fail"]):
            commands.take(Prompt(seq=seq, t=1.5, text=text, how="blend", chunks=12))
        with pytest.raises(ProtocolError) as refused:
            commands.take(Prompt(seq=2, t=0.0, text="red"))
        assert refused.value.code == "stale_sequence"
        await asyncio.sleep(0.01)
        receipt, unknown, failed = received(outbox)
        assert isinstance(receipt, PromptReceipt)
        assert (receipt.seq, receipt.t, receipt.text) == (0, 1.5, "red")
        assert (receipt.world_frame, receipt.full_world_frame) == (20, 42)
        assert (receipt.stream_frame, receipt.full_stream_frame) == (24, 46)
        assert (unknown.code, unknown.seq, unknown.words) == ("unknown_words", 1, ["moon"])
        assert (failed.code, failed.seq, failed.fatal) == ("prompt_failed", 2, False)
        stage.session.receive(wire.Prompted("w", 0, "red", "cut", 1, "red"))
        assert only(received(outbox), Status)[-1].prompt == "red"
        await stage.session.end("done")

    run_virtual(scenario())


def test_only_so_many_prompts_wait() -> None:
    async def scenario() -> None:
        stage = Stage()
        _, _, commands = stage.join()
        stage.worker.prompt_s = 0.2
        for seq in range(MAX_PROMPTS):
            commands.take(Prompt(seq=seq, t=0.0, text=""))  # of one packet, all before any begins
        with pytest.raises(ProtocolError) as refused:
            commands.take(Prompt(seq=9, t=0.0, text=""))
        assert refused.value.code == "too_many_prompts"
        await asyncio.sleep(1)
        commands.take(Prompt(seq=10, t=0.0, text=""))
        await stage.session.end("done")

    run_virtual(scenario())


def test_prompts_that_a_world_does_not_take_never_reach_it() -> None:
    async def scenario() -> None:
        for info, text in ((PROBE_60, "red"), (PROBE_TEXT, "x" * 500)):
            stage = Stage(info=info)
            _, outbox, commands = stage.join()
            commands.take(Prompt(seq=1, t=0.0, text=text))
            await asyncio.sleep(0.01)
            [*_] = messages = received(outbox)
            refused = [error.code for error in only(messages, Error)]
            assert refused == (["unknown_words"] if info is PROBE_60 else [])
            assert bool(stage.worker.of("condition")) == (info is PROBE_TEXT)
            await stage.session.end("done")

    run_virtual(scenario())


def test_going_back_has_a_receipt_or_an_error() -> None:
    async def scenario() -> None:
        stage = Stage()
        _, outbox, commands = stage.join()
        for _ in range(20):
            stage.made()
        received(outbox)
        commands.take(Rewind(seq=1, t=2.5, action="to", world_frame=24))
        commands.take(Rewind(seq=2, t=2.5, action="to", world_frame=41))
        await asyncio.sleep(0.01)
        receipt, error = received(outbox)
        assert isinstance(receipt, RewindReceipt)
        assert (receipt.seq, receipt.t, receipt.world_frame) == (1, 2.5, 24)
        assert (receipt.stream_frame, receipt.media_time) == (30, 1.25)
        assert (error.code, error.seq) == ("rewind_failed", 2)
        await stage.session.end("done")

    run_virtual(scenario())


def test_what_a_new_worker_does_not_reach_is_gone_back_to_all_the_same() -> None:
    async def scenario() -> None:
        stage = Stage()
        for i in range(40):
            stage.made()
            if i % 12 == 11:
                stage.kept()
        stage.worker.oldest = 72
        went = await stage.session.rewind("to", 50)
        assert (went.world_frame, went.stream_frame) == (48, 80)
        [[snapshot, _]] = stage.worker.of("restore")
        assert snapshot == b"48"
        assert stage.session.state.rolling.newest is not None
        assert stage.session.state.rolling.newest.world_frame == 48
        assert b'{"rewind":48}' in stage.session.log.whole()
        stage.session.state.rolling.clear()
        with pytest.raises(TooFarBack):
            await stage.session.rewind("to", 10)
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_wall_clock_that_jumps_moves_no_media_time() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        stage.made()
        for jump in (-3600.0, 3600.0):
            wall = time.time() + jump
            stage.session.receive(wire.Clock("w", True, 1.5, wall, 0, 0.0))
            assert stage.session.media_time == pytest.approx(1.5, abs=0.01)
            await asyncio.sleep(0.25)
            assert stage.session.media_time == pytest.approx(1.75, abs=0.01)
        await stage.session.end("done")

    run_virtual(scenario())
