"""A session as the server has it, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from staging import SENDING, Stage, only, received
from virtual_time import run_virtual

from lightcone.model.families.probe.variants import PROBE_60, PROBE_TEXT
from lightcone.server.access.seats import SeatRules
from lightcone.server.control.commands import MAX_PROMPTS
from lightcone.server.control.outbox import Goodbye
from lightcone.server.control.protocol import (
    Error,
    Input,
    Prompt,
    PromptReceipt,
    ProtocolError,
    Receipt,
    Rewind,
    RewindReceipt,
    Stall,
    Status,
    Welcome,
    Wheel,
)
from lightcone.server.sessions.remote_state import Restoring, TooFarBack
from lightcone.server.sessions.session import SessionOver
from lightcone.server.worker import messages as wire
from lightcone.streaming import VideoCodec

KEY = Input(seq=1, t=0.5, buttons=["left"])


def test_it_runs_while_somebody_watches() -> None:
    async def scenario() -> None:
        stage = Stage()
        assert stage.session.phase == "starting"
        stage.stream.watch(1)
        assert stage.session.phase == "starting"
        stage.made()
        assert stage.session.phase == "running"
        stage.session.stream.on_lanes(frozenset([VideoCodec.VP8]), True)  # type: ignore[misc]
        stage.stream.watch(0)
        assert stage.session.phase == "paused"
        stage.stream.watch(2)
        assert stage.session.phase == "running"
        assert stage.worker.of("watch")[-1] == [True, ["VP8"], True]
        await stage.session.end("done")
        assert (stage.session.phase, stage.session.reason) == ("ended", "done")
        assert stage.stream.closed
        assert len(stage.worker.of("drop")) == 1
        stage.made()
        await stage.session.fail("later")
        assert stage.session.phase == "ended"

    run_virtual(scenario())


def test_a_receipt_goes_to_the_seat_whichever_connection_it_has_now() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat, first, commands = stage.join()
        [welcome] = only(received(first), Welcome)
        assert (welcome.seat, welcome.role) == (seat.id, "driver")
        commands.take(KEY)
        assert stage.worker.of("input") == [[seat.id, 1]]
        again, second, _ = stage.join("spectator", welcome.resume)
        assert again is seat
        assert stage.worker.of("release") == [[]]
        assert first.goodbye is not None
        assert (first.goodbye.code, first.goodbye.error) == (
            4409,
            Error(code="taken_over", message=str(first.goodbye), fatal=True),
        )
        stage.session.leave(seat, first)
        stage.made((seat.id, 1), ("s99", 4))
        [receipt] = only(received(second), Receipt)
        assert (receipt.seq, receipt.t, receipt.media_time) == (1, 0.5, 0.0)
        await stage.session.end("done")

    run_virtual(scenario())


def test_an_unknown_token_is_a_new_seat_and_an_error() -> None:
    async def scenario() -> None:
        stage = Stage()
        seat, outbox, _ = stage.join("driver", "no such token")
        messages = received(outbox)
        [error] = only(messages, Error)
        assert (error.code, error.fatal) == ("unknown_token", False)
        assert only(messages, Welcome)[0].seat == seat.id
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_driver_who_drops_holds_nothing_and_keeps_the_wheel_for_a_while() -> None:
    async def scenario() -> None:
        stage = Stage(SeatRules(grace_s=10))
        driver, outbox, _ = stage.join()
        _, other, commands = stage.join()
        stage.session.leave(driver, outbox)
        assert len(stage.worker.of("release")) == 1
        with pytest.raises(ProtocolError, match="only the driver"):
            commands.take(KEY)
        await asyncio.sleep(9.9)
        assert only(received(other), Status)[-1].driver == driver.id
        await asyncio.sleep(0.2)
        assert only(received(other), Status)[-1].role == "driver"
        commands.take(KEY)
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_turn_ends_by_itself_and_the_wheel_can_be_given() -> None:
    async def scenario() -> None:
        stage = Stage(SeatRules(turn_s=5))
        driver, _, driving = stage.join()
        asker, outbox, asking = stage.join("spectator")
        await asyncio.sleep(100)
        asking.take(Wheel(action="ask"))
        status = only(received(outbox), Status)[-1]
        assert (status.driver, status.asking, status.turn_left_s) == (driver.id, [asker.id], 5)
        await asyncio.sleep(5.01)
        assert only(received(outbox), Status)[-1].driver == asker.id
        with pytest.raises(ProtocolError) as refused:
            driving.take(Wheel(action="give"))
        assert refused.value.code == "not_driver"
        asking.take(Wheel(action="give", seat=driver.id))
        assert only(received(outbox), Status)[-1].driver == driver.id
        driving.take(Wheel(action="leave"))
        assert only(received(outbox), Status)[-1].driver is None
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_late_chunk_is_a_stall_for_everybody() -> None:
    async def scenario() -> None:
        stage = Stage()
        outboxes = [stage.join()[1], stage.join("spectator")[1]]
        stage.made(held_s=0.25)
        for outbox in outboxes:
            assert only(received(outbox), Stall) == [Stall(media_time=0.0, held_ms=250.0)]
        await stage.session.end("done")

    run_virtual(scenario())


def test_media_time_and_world_frame_follow_the_workers_clock() -> None:
    async def scenario() -> None:
        stage = Stage()
        stage.stream.watch(1)
        stage.made()
        stage.clock(True, 0.0)
        await asyncio.sleep(0.05)
        assert stage.session.media_time == pytest.approx(0.05, abs=0.02)
        assert stage.session.world_frame == 1
        await asyncio.sleep(1.0)
        assert stage.session.world_frame == 2  # nothing more has been made
        stage.clock(False, 0.3)
        await asyncio.sleep(5.0)
        assert stage.session.media_time == 0.3
        await stage.session.end("done")

    run_virtual(scenario())


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
            commands.take(Prompt(seq=seq, t=0.0, text=""))
            await asyncio.sleep(0.01)
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


def test_a_session_with_nobody_there_is_idle_after_a_while() -> None:
    async def scenario() -> None:
        stage = Stage()
        idle: list[float] = []
        loop = asyncio.get_running_loop()
        begun = loop.time()
        stage.session.on_idle = lambda session: idle.append(loop.time() - begun)
        await asyncio.sleep(59)
        seat, outbox, _ = stage.join("spectator")
        await asyncio.sleep(100)
        stage.session.leave(seat, outbox)
        await asyncio.sleep(30)
        assert stage.session.idle_s() == 30
        stage.stream.pending = 1
        await asyncio.sleep(40)
        assert idle == []  # somebody is about to connect
        stage.stream.pending = 0
        await asyncio.sleep(60)
        assert idle == [59 + 100 + 120]
        await stage.session.end("done")
        assert stage.session.idle_s() == 0

    run_virtual(scenario())


def test_the_end_reaches_everybody() -> None:
    async def scenario() -> None:
        for failed in (False, True):
            stage = Stage()
            _, outbox, _ = stage.join()
            waiting = asyncio.create_task(stage.session.settled())
            stage.session.lose_worker()
            if failed:
                await stage.session.fail("it broke")
            else:
                await stage.session.end("it was time")
            await waiting
            *_, status = messages = received(outbox)
            assert status.phase == stage.session.phase == ("failed" if failed else "ended")
            errors = [(e.code, e.fatal) for e in only(messages, Error)]
            assert errors == ([("session_failed", True)] if failed else [])
            assert outbox.goodbye is not None
            assert outbox.goodbye.code == (4500 if failed else 4410)
            assert str(outbox.goodbye) == stage.session.reason
            with pytest.raises(Goodbye):
                stage.join()
            with pytest.raises(SessionOver):
                await stage.session.condition("red", "cut", 1)

    run_virtual(scenario())


def test_a_session_that_its_worker_gives_up_fails() -> None:
    async def scenario() -> None:
        stage = Stage()
        over: list[str] = []
        stage.session.on_over = lambda session: over.append(session.phase)
        stage.session.receive(wire.SessionFailed("w", "RuntimeError", "no"))
        await asyncio.sleep(0.01)
        assert (over, stage.session.reason) == (["failed"], "no")

    run_virtual(scenario())
