"""Control clients that say nothing, read nothing, or are too many."""

from __future__ import annotations

import asyncio
from typing import Any

from staging import Stage
from virtual_time import run_virtual

from lightcone.server.control.outbox import MAX_WAITING
from lightcone.server.control.protocol import (
    VERSION,
    Hello,
    Input,
    decode_server,
    encode,
)
from lightcone.server.control.socket import serve_control


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
