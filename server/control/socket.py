"""The control websocket of a session: messages in, messages out, close codes. docs/protocol.md
explains it to clients."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.websockets import WebSocket, WebSocketDisconnect

from lightcone.server.control import protocol
from lightcone.server.control.commands import Commands
from lightcone.server.control.guest import Guest
from lightcone.server.control.outbox import Goodbye, Outbox, fatal
from lightcone.server.control.protocol import (
    Error,
    Hello,
    Prompt,
    ProtocolError,
    Rewind,
)
from lightcone.server.control.ratelimit import TokenBucket
from lightcone.server.sessions.session import Session
from lightcone.server.telemetry.logs import get_logger

CLOSE_TIMEOUT_S = 2.0  # for a client that does not read
MAX_REASON_BYTES = 123  # RFC 6455 section 5.5

log = get_logger("lightcone.control")


async def serve_control(socket: WebSocket, session: Session | None, guest: Guest) -> None:
    """Serve one client until either side leaves. `session` None: it asked for one that is not."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            if session is None:
                raise fatal("unknown_session", protocol.CLOSE_UNKNOWN_SESSION, "no such session")
            with session.participants.place():
                await _take_part(socket, session, guest, await _hello(socket))
        except Goodbye as goodbye:
            known = None if session is None else session.id
            log.info("client let go", session=known, code=goodbye.code, reason=str(goodbye))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    if goodbye.error is not None:
                        await socket.send_bytes(protocol.encode(goodbye.error))
                    await socket.close(goodbye.code, close_reason(str(goodbye)))


def close_reason(text: str) -> str:
    """As much of it as fits into a close frame."""
    return text.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")


async def _receive(socket: WebSocket) -> bytes:
    """The next binary message. Raises Goodbye for anything else."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    data: bytes | None = message.get("bytes")
    if data is None:
        text = "messages are binary msgpack, not text"
        raise fatal("malformed", protocol.CLOSE_NOT_BINARY, text)
    if len(data) > protocol.MAX_MESSAGE_BYTES:
        text = f"a message of {len(data)} bytes (at most {protocol.MAX_MESSAGE_BYTES})"
        raise fatal("too_large", protocol.CLOSE_TOO_LARGE, text)
    return data


async def _hello(socket: WebSocket) -> Hello:
    try:
        async with asyncio.timeout(protocol.HELLO_TIMEOUT_S):
            data = await _receive(socket)
    except TimeoutError:
        text = f"no hello within {protocol.HELLO_TIMEOUT_S:g} s"
        raise fatal("expected_hello", protocol.CLOSE_HELLO_TIMEOUT, text) from None
    try:
        hello = protocol.decode_client(data)
    except ProtocolError as error:
        raise fatal(error.code, protocol.CLOSE_NO_HELLO, str(error)) from error
    if not isinstance(hello, Hello):
        text = f"the first message must be hello, not {hello.type}"
        raise fatal("expected_hello", protocol.CLOSE_NO_HELLO, text)
    if hello.version != protocol.VERSION:
        text = f"this server speaks version {protocol.VERSION}, not {hello.version}"
        raise fatal("unsupported_version", protocol.CLOSE_UNSUPPORTED_VERSION, text)
    return hello


async def _take_part(socket: WebSocket, session: Session, guest: Guest, hello: Hello) -> None:
    seat, outbox = session.join(hello, guest.may_drive)
    commands = Commands(session, seat, guest, outbox)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(socket, commands, outbox))
            group.create_task(_write(socket, outbox))
            group.create_task(_until_unread(outbox))
            if guest.left_s is not None:
                group.create_task(_until_expired(guest.left_s))
    except* (Goodbye, WebSocketDisconnect) as ended:
        raise ended.exceptions[0] from None
    finally:
        session.leave(seat, outbox)


async def _read(socket: WebSocket, commands: Commands, outbox: Outbox) -> None:
    clock = asyncio.get_running_loop().time
    allowed = TokenBucket(protocol.MESSAGES_PER_SECOND, protocol.MESSAGE_BURST, clock())
    while True:
        data = await _receive(socket)
        if not allowed.take(clock()):
            text = f"more than {protocol.MESSAGES_PER_SECOND} messages a second"
            raise fatal("too_many_messages", protocol.CLOSE_TOO_MANY, text)
        seq: int | None = None
        try:
            match protocol.decode_client(data):
                case (Prompt(seq=seq) | Rewind(seq=seq)) as message:
                    commands.take(message)
                case message:
                    commands.take(message)
        except ProtocolError as error:
            outbox.put(Error(code=error.code, message=str(error), seq=seq))


async def _write(socket: WebSocket, outbox: Outbox) -> None:
    while True:
        await outbox.wait()
        for data in outbox.take():
            await socket.send_bytes(data)
        if outbox.goodbye is not None:
            raise outbox.goodbye


async def _until_expired(left_s: float) -> None:
    await asyncio.sleep(left_s)
    raise fatal("token_expired", protocol.CLOSE_TOKEN_EXPIRED, "your token is over")


async def _until_unread(outbox: Outbox) -> None:
    """Until a client that does not read has had its time to read the last messages."""
    await outbox.ended.wait()
    await asyncio.sleep(CLOSE_TIMEOUT_S)
    assert outbox.goodbye is not None
    raise outbox.goodbye
