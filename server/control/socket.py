"""The control websocket of a world: messages in, messages out, close codes. docs/protocol.md
explains it to clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect

from lightcone.server.access.seats import Seat
from lightcone.server.control import protocol
from lightcone.server.control.protocol import (
    Error,
    ErrorCode,
    Hello,
    Input,
    Ping,
    Prompt,
    ProtocolError,
)
from lightcone.server.control.ratelimit import TokenBucket
from lightcone.server.sessions.session import LiveWorld

CLOSE_TIMEOUT_S = 2.0  # for a client that does not read

log = logging.getLogger("lightcone.control")


class Goodbye(Exception):
    """Close the connection with `code`, after an Error if there is one."""

    def __init__(self, code: int, error: Error | None = None, reason: str = "") -> None:
        super().__init__(reason or (error.message if error else ""))
        self.code = code
        self.error = error


async def serve_control(socket: WebSocket, world: LiveWorld | None, max_clients: int) -> None:
    """Serve one client until either side leaves. `world` None: it asked for one that is not."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            if world is None:
                raise _fatal("unknown_world", protocol.CLOSE_UNKNOWN_WORLD, "no such world")
            if len(world.seats) >= max_clients:
                raise _fatal(
                    "too_many_clients", protocol.CLOSE_TOO_MANY, f"{max_clients} take part already"
                )
            await _take_part(socket, world, await _hello(socket))
        except Goodbye as goodbye:
            log.info("a client is let go (%d): %s", goodbye.code, goodbye)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    if goodbye.error is not None:
                        await socket.send_bytes(protocol.encode(goodbye.error))
                    await socket.close(goodbye.code, str(goodbye)[:100])


def _fatal(code: ErrorCode, close: int, message: str) -> Goodbye:
    return Goodbye(close, Error(code=code, message=message, fatal=True))


async def _receive(socket: WebSocket) -> bytes:
    """The next binary message. Raises Goodbye for anything else."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    data: bytes | None = message.get("bytes")
    if data is None:
        text = "messages are binary msgpack, not text"
        raise _fatal("malformed", protocol.CLOSE_NOT_BINARY, text)
    if len(data) > protocol.MAX_MESSAGE_BYTES:
        text = f"a message of {len(data)} bytes (at most {protocol.MAX_MESSAGE_BYTES})"
        raise _fatal("too_large", protocol.CLOSE_TOO_LARGE, text)
    return data


async def _hello(socket: WebSocket) -> Hello:
    try:
        async with asyncio.timeout(protocol.HELLO_TIMEOUT_S):
            data = await _receive(socket)
    except TimeoutError:
        text = f"no hello within {protocol.HELLO_TIMEOUT_S:g} s"
        raise _fatal("expected_hello", protocol.CLOSE_HELLO_TIMEOUT, text) from None
    try:
        hello = protocol.decode_client(data)
    except ProtocolError as error:
        raise _fatal(error.code, protocol.CLOSE_NO_HELLO, str(error)) from error
    if not isinstance(hello, Hello):
        text = f"the first message must be hello, not {hello.type}"
        raise _fatal("expected_hello", protocol.CLOSE_NO_HELLO, text)
    if hello.version != protocol.VERSION:
        text = f"this server speaks version {protocol.VERSION}, not {hello.version}"
        raise _fatal("unsupported_version", protocol.CLOSE_UNSUPPORTED_VERSION, text)
    return hello


async def _take_part(socket: WebSocket, world: LiveWorld, hello: Hello) -> None:
    if not world.live:
        raise _world_over(world)
    seat = world.join(hello.want)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(socket, world, seat))
            group.create_task(_write(socket, seat))
            group.create_task(_until_over(world))
            group.create_task(_until_too_slow(seat))
    except* (Goodbye, WebSocketDisconnect) as ended:
        raise ended.exceptions[0] from None
    finally:
        world.leave(seat)


async def _read(socket: WebSocket, world: LiveWorld, seat: Seat) -> None:
    clock = asyncio.get_running_loop().time
    allowed = TokenBucket(protocol.MESSAGES_PER_SECOND, protocol.MESSAGE_BURST, clock())
    while True:
        data = await _receive(socket)
        if not allowed.take(clock()):
            text = f"more than {protocol.MESSAGES_PER_SECOND} messages a second"
            raise _fatal("too_many_messages", protocol.CLOSE_TOO_MANY, text)
        prompt: int | None = None
        try:
            match protocol.decode_client(data):
                case Input() as message:
                    world.accept(seat, message)
                case Prompt(seq=prompt) as message:
                    world.accept_prompt(seat, message)
                case Ping() as message:
                    seat.outbox.put(world.pong(message))
                case Hello():
                    raise ProtocolError("invalid", "hello was said already")
        except ProtocolError as error:
            seat.outbox.put(Error(code=error.code, message=str(error), seq=prompt))


async def _write(socket: WebSocket, seat: Seat) -> None:
    while True:
        await seat.outbox.wait()
        for data in seat.outbox.take():
            await socket.send_bytes(data)


async def _until_over(world: LiveWorld) -> None:
    await world.over.wait()
    raise _world_over(world)


async def _until_too_slow(seat: Seat) -> None:
    await seat.outbox.overflowed.wait()
    raise Goodbye(protocol.CLOSE_TOO_SLOW, reason="too many messages were not read")


def _world_over(world: LiveWorld) -> Goodbye:
    failed = world.phase == "failed"
    code = protocol.CLOSE_WORLD_FAILED if failed else protocol.CLOSE_WORLD_ENDED
    return Goodbye(code, reason=world.reason or world.phase)
