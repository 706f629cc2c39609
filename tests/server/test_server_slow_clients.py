"""Control clients that say nothing, read nothing, or are too many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from staging import GUEST, Stage
from virtual_time import run_virtual

from lightcone.server.access.seats import SeatRules
from lightcone.server.control.outbox import MAX_WAITING
from lightcone.server.control.protocol import (
    VERSION,
    Hello,
    decode_server,
    encode,
)
from lightcone.server.control.socket import close_reason, serve_control
from lightcone.server.errors import printable


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
        serving = asyncio.create_task(serve_control(client, stage.session, GUEST))  # type: ignore[arg-type]
        await asyncio.sleep(4)
        assert stage.session.idle_s() == 4  # it is nobody yet
        await serving
        assert client.close_code == 4408
        assert client.sent[0].code == "expected_hello"
        assert len(stage.session.participants.seats) == 0
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_control_client_that_does_not_read_slows_nothing_and_is_let_go() -> None:
    async def scenario() -> None:
        stage = Stage()
        client = SilentSocket(encode(Hello(version=VERSION)), reads=False)
        serving = asyncio.create_task(serve_control(client, stage.session, GUEST))  # type: ignore[arg-type]
        await asyncio.sleep(60)
        [seat] = stage.session.participants.seats
        for seq in range(MAX_WAITING + 100):
            stage.made((seat.id, seq))
        await serving
        assert client.close_code == 4430
        assert stage.session.participants.present == 0
        await stage.session.end("done")

    run_virtual(scenario())


def test_a_client_that_does_not_read_the_end_is_let_go_too() -> None:
    async def scenario() -> None:
        stage = Stage()
        client = SilentSocket(encode(Hello(version=VERSION)), reads=False)
        serving = asyncio.create_task(serve_control(client, stage.session, GUEST))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        await stage.session.end("done")
        await serving
        assert client.close_code == 4410

    run_virtual(scenario())


def test_there_are_only_so_many_control_clients_before_their_hello_too() -> None:
    async def scenario() -> None:
        stage = Stage(SeatRules(most=2))
        silent = [SilentSocket() for _ in range(2)]
        waiting = [
            asyncio.create_task(serve_control(socket, stage.session, GUEST))  # type: ignore[arg-type]
            for socket in silent
        ]
        await asyncio.sleep(1)
        client = SilentSocket(encode(Hello(version=VERSION)))
        await serve_control(client, stage.session, GUEST)  # type: ignore[arg-type]
        assert (client.close_code, client.sent[0].code) == (4429, "too_many_clients")
        await asyncio.gather(*waiting)
        late = SilentSocket(encode(Hello(version=VERSION)))
        serving = asyncio.create_task(serve_control(late, stage.session, GUEST))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        assert late.sent[0].type == "welcome"
        await stage.session.end("done")
        await serving
        assert [message.phase for message in late.sent if message.type == "status"][-1] == "ended"

    run_virtual(scenario())


@pytest.mark.parametrize("text", ["é" * 200, "x" * 200, "\U0001f600" * 50, "short"])
def test_a_close_reason_fits_into_its_frame(text: str) -> None:
    reason = close_reason(text)
    assert len(reason.encode()) <= 123
    assert text.startswith(reason)
    assert reason == text or len(reason.encode()) > 119


def test_a_line_of_the_log_stays_one_line() -> None:
    assert printable("a\nWARNING b\r\x1b[0mü\u2028") == "a\\nWARNING b\\r\\x1b[0mü\\u2028"
