"""Connections whose request does not come, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from virtual_time import run_virtual

from lightcone.server.http.connections import HEAD_TIMEOUT_S, Connection

HEAD = b"GET / HTTP/1.1\r\nhost: here\r\n"


class Line(asyncio.Transport):
    """The server's end of a connection: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed_at: float | None = None
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol


async def slow_app(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Answers after a minute."""
    await asyncio.sleep(60)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def connection() -> tuple[Connection, Line]:
    config = uvicorn.Config(slow_app, log_config=None, access_log=False)
    config.load()
    line = Line()
    made = Connection(config, ServerState(), {})
    line.set_protocol(made)
    made.connection_made(line)
    return made, line


def run(scenario: Callable[[Connection, Line, Callable[[], float]], Any]) -> None:
    async def begin() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        made, line = connection()
        await scenario(made, line, lambda: (line.closed_at or loop.time()) - began)
        made.connection_lost(None)

    run_virtual(begin())


def test_a_silent_connection_is_let_go() -> None:
    async def scenario(made: Connection, line: Line, lasted: Callable[[], float]) -> None:
        await asyncio.sleep(100)
        assert (line.is_closing(), lasted()) == (True, HEAD_TIMEOUT_S)

    run(scenario)


def test_a_head_that_comes_slowly_is_cut_off() -> None:
    async def scenario(made: Connection, line: Line, lasted: Callable[[], float]) -> None:
        made.data_received(HEAD)
        while not line.is_closing():
            made.data_received(b"x: y\r\n")
            await asyncio.sleep(1)
        assert lasted() == HEAD_TIMEOUT_S

    run(scenario)


def test_a_request_that_is_answered_slowly_is_not() -> None:
    async def scenario(made: Connection, line: Line, lasted: Callable[[], float]) -> None:
        await asyncio.sleep(9)
        made.data_received(HEAD + b"\r\n")
        await asyncio.sleep(61)
        assert line.written.startswith(b"HTTP/1.1 204")
        assert not line.is_closing()
        made.data_received(HEAD)  # the next one never becomes whole
        await asyncio.sleep(100)
        assert lasted() == 9 + 61 + HEAD_TIMEOUT_S

    run(scenario)


def test_a_websocket_is_timed_by_who_serves_it() -> None:
    async def scenario(made: Connection, line: Line, lasted: Callable[[], float]) -> None:
        upgrade = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        made.data_received(HEAD + upgrade + key)
        assert line.get_protocol() is not made
        await asyncio.sleep(50)
        assert not line.is_closing()

    run(scenario)
