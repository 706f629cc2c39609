"""A session as the server has it, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from staging import Stage, only, received
from virtual_time import run_virtual

from lightcone.server.access.seats import SeatRules
from lightcone.server.control.outbox import Goodbye
from lightcone.server.control.protocol import (
    Error,
    Input,
    Ping,
    ProtocolError,
    Receipt,
    Stall,
    Status,
    Welcome,
    Wheel,
)
from lightcone.server.sessions.origin import SessionOver
from lightcone.server.worker import messages as wire
from lightcone.streaming import Lane

KEY = Input(seq=1, t=0.5, buttons=["left"])


def test_it_runs_while_somebody_watches() -> None:
    async def scenario() -> None:
        stage = Stage()
        assert stage.session.phase == "starting"
        stage.stream.watch(1)
        assert stage.session.phase == "starting"
        stage.made()
        assert stage.session.phase == "running"
        stage.session.stream.on_lanes({Lane.VP8: 9}, True)  # type: ignore[misc]
        stage.stream.watch(0)
        assert stage.session.phase == "paused"
        stage.stream.watch(2)
        assert stage.session.phase == "running"
        assert stage.worker.of("watch")[-1] == [True, {"VP8": 9}, True]
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


def test_the_worker_knows_whether_somebody_drives() -> None:
    async def scenario() -> None:
        stage, new = Stage(SeatRules(grace_s=10)), Stage().worker
        driver, outbox, driving = stage.join()
        other, other_outbox, _ = stage.join("spectator")
        driving.take(Wheel(action="give", seat=other.id))
        stage.session.leave(other, other_outbox)
        await asyncio.sleep(9.7)
        assert stage.worker.of("drive") == [[False], [True]]
        stage.session.lose_worker()
        await stage.session.restore(new)  # type: ignore[arg-type]
        assert new.of("drive")[-1] == [True]
        await asyncio.sleep(0.3)
        assert new.of("drive")[-1] == [False]
        driving.take(Wheel(action="ask"))
        assert new.of("drive")[-1] == [True]
        driving.take(Wheel(action="leave"))
        assert new.of("drive")[-1] == [False]
        stage.session.leave(driver, outbox)
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


class Idling:
    """A session, and when it was reported as idle, in seconds since it began."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.idle: list[float] = []
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.stage.session.on_idle = lambda session: self.idle.append(loop.time() - begun)


def test_a_session_that_nobody_watches_or_controls_is_idle_after_a_while() -> None:
    async def scenario() -> None:
        idling = Idling()
        stage = idling.stage
        await asyncio.sleep(59)
        seat, outbox, commands = stage.join("spectator")
        for _ in range(4):
            await asyncio.sleep(50)
            commands.take(Ping(t=0.0))
        assert idling.idle == []
        stage.stream.watch(1)
        await asyncio.sleep(1000)
        assert (idling.idle, stage.session.idle_s()) == ([], 0)
        stage.stream.watch(0)
        stage.session.leave(seat, outbox)
        await asyncio.sleep(30)
        assert stage.session.idle_s() == 30
        await asyncio.sleep(31)
        assert idling.idle == [59 + 200 + 1000 + 60]
        await stage.session.end("done")
        assert stage.session.idle_s() == 0

    run_virtual(scenario())


def test_a_control_client_that_says_nothing_keeps_no_session() -> None:
    async def scenario() -> None:
        idling = Idling()
        await asyncio.sleep(10)
        idling.stage.join()
        await asyncio.sleep(61)
        assert idling.idle == [70]
        await idling.stage.session.end("done")

    run_virtual(scenario())


def test_who_never_connects_puts_the_end_off_once() -> None:
    async def scenario() -> None:
        idling = Idling()
        idling.stage.stream.pending = 1  # whoever it is: one offer after the other
        await asyncio.sleep(100)
        assert idling.idle == []
        await asyncio.sleep(100)
        assert idling.idle == [120]
        await idling.stage.session.end("done")

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
        assert over == ["failed"]
        assert stage.session.reason == "the world failed; the server's log has more"

    run_virtual(scenario())
