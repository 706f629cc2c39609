"""A connection that is lost, and taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from serving import Served

from lightcone.client import Client, Closed, Late, LiveSession, Unreachable, ViewerLost
from lightcone.client.control import Control, open_control
from lightcone.client.messages import Receipt, Role
from lightcone.model.families.probe.picture import read_frame_code

SHOOT = 3


class Line:
    """A TCP proxy to a server, whose connections can be cut. New ones wait while it is not `up`."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self.up = asyncio.Event()
        self.up.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.up.wait()
        there, back = await asyncio.open_connection(*self._to)
        self._writers |= {writer, back}
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
        self._writers -= {writer, back}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def line_to(server: Served) -> AsyncIterator[tuple[Line, str]]:
    line = Line("127.0.0.1", int(server.url.rpartition(":")[2]))
    listening = await asyncio.start_server(line.pipe, "127.0.0.1", 0)
    async with listening:
        yield line, f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def control_of(session: LiveSession, url: str, want: Role = "driver") -> Control:
    return await open_control(f"{url}/sessions/{session.id}/control", want)


async def shooting(session: LiveSession, url: str) -> tuple[Control, Receipt]:
    """A connection over the line that has taken the wheel, and holds a button."""
    await session.control.wheel("leave")
    control = await control_of(session, url)
    await control.until(lambda status: status.role == "driver", "the wheel")
    return control, await control.input(["shoot"])


async def test_the_same_seat_is_taken_again_and_what_was_held_is_held(
    client: Client, probes: Served
) -> None:
    async with (
        line_to(probes) as (line, url),
        await client.start("probe") as session,
    ):
        control, held = await shooting(session, url)
        seat = control.seat
        line.cut()
        await control.until(lambda status: control.resumed == 1, "the connection")
        again = await control.receipt(held.seq + 1)
        assert (control.seat, control.role) == (seat, "driver")
        assert again.world_frame > held.world_frame
        frame = await session.frame(at=again.media_time)
        assert read_frame_code(frame.picture)[1][SHOOT]
        released = await control.input()
        frame = await session.frame(at=released.media_time)
        assert not read_frame_code(frame.picture)[1][SHOOT]
        await control.close()


async def test_what_is_asked_while_the_connection_is_away_is_taken_when_it_is_back(
    client: Client, probes: Served
) -> None:
    async with (
        line_to(probes) as (line, url),
        await client.start("probe") as session,
    ):
        control, held = await shooting(session, url)
        line.up.clear()
        line.cut()
        with pytest.raises(Closed):
            await control.ping()
        asked = asyncio.create_task(control.prompt("green"))
        moved = asyncio.create_task(control.input(["left"]))
        await asyncio.sleep(0)
        line.up.set()
        assert (await asked).text == "green"
        assert (await moved).seq > (await control.receipt(held.seq + 1)).seq
        await control.close()


async def test_what_was_asked_on_a_lost_connection_fails_and_the_next_works(
    client: Client, probes: Served
) -> None:
    entry = await client.make("probe")  # nobody watches: no receipt comes
    async with line_to(probes) as (line, url):
        control = await open_control(f"{url}/sessions/{entry.id}/control")
        seq = await control.send_input(["left"])
        waiting = asyncio.create_task(control.receipt(seq))
        ping = await control.ping()
        line.cut()
        with pytest.raises(Closed, match="the connection was lost") as closed:
            await waiting
        assert closed.value.may_resume
        assert (await control.ping()).media_time >= ping.media_time
        await control.close()
        with pytest.raises(Closed, match="this client left"):
            await control.ping()
    await client.end(entry.id)


async def test_a_server_that_goes_down_for_good(serve: Callable[..., Served]) -> None:
    server = serve("--probe-compute-ms", "2")
    async with Client(server.url) as client:
        session = await client.start("probe")
        url = f"{server.ws}/sessions/{session.id}/control"
        control = await open_control(url, "spectator", resume_s=1.0)
        server.stop()
        with pytest.raises((Closed, Unreachable)):
            await control.until(lambda status: False, "nothing", 60.0)
        await control.close()
        with pytest.raises((ViewerLost, Late)):
            await session.frame(at=1e6, patience_s=20.0)
        await session.leave()
        with pytest.raises(Unreachable):
            await client.worlds()


async def test_a_seat_taken_by_another_is_not_fought_for(client: Client, probes: Served) -> None:
    async with await client.start("probe") as session:
        token = session.control.token
        async with await client.join(session.id, resume=token) as other:
            assert other.control.seat == session.control.seat
            with pytest.raises(Closed, match="another connection has taken this seat") as closed:
                await session.control.until(lambda status: False, "nothing")
            assert not closed.value.may_resume
            assert session.control.resumed == 0


@asynccontextmanager
async def wants_a_token(server: Served) -> AsyncIterator[tuple[list[bytes], str]]:
    """A proxy that notes the head of each connection's first request, and exchanges links as a
    server with a key does."""
    heads: list[bytes] = []
    port = int(server.url.rpartition(":")[2])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head.lower())
        if b"?key=" in head:
            cookie = b"Set-Cookie: lightcone_token=secret; HttpOnly\r\nConnection: close\r\n"
            writer.write(b"HTTP/1.1 303 See Other\r\nLocation: /\r\n" + cookie)
            writer.write(b"Content-Length: 0\r\n\r\n")
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        back.write(head)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield heads, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_the_token_is_sent_with_requests_and_the_handshake(probes: Served) -> None:
    async with wants_a_token(probes) as (heads, url):
        async with Client(url, token="secret") as client, await client.start("probe"):
            assert len(heads) >= 2
        assert all(b"authorization: bearer secret\r\n" in head for head in heads)


async def test_a_link_is_exchanged_once_for_a_token(probes: Served) -> None:
    async with wants_a_token(probes) as (heads, url):
        async with Client(f"{url}/?key=abc") as client, await client.start("probe"):
            assert client.url == url
        assert b"get /?key=abc " in heads[0]
        assert not any(b"key=" in head for head in heads[1:])
        assert all(b"authorization: bearer secret\r\n" in head for head in heads[1:])
    async with Client(f"{probes.url}/?key=abc") as client:  # which needs none
        assert await client.worlds()
