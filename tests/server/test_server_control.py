"""Bad manners on the control websocket, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest
from probe_viewer import ControlClient
from serving import Served
from websockets.asyncio.client import connect

from lightcone.server.control.protocol import (
    MAX_MESSAGE_BYTES,
    MESSAGE_BURST,
    VERSION,
    Error,
    Hello,
    Input,
    Ping,
    Pong,
    Prompt,
    Welcome,
    encode,
)

HELLO = encode(Hello(version=VERSION))
STALE, UNKNOWN = Prompt(seq=2, t=0.0, text="red"), Prompt(seq=3, t=0.0, text="red moon")


@pytest.fixture
def session(probe_server: Served) -> dict[str, Any]:
    return probe_server.new_session()


@pytest.fixture
async def driver(probe_server: Served, session: dict[str, Any]) -> AsyncIterator[ControlClient]:
    client = await ControlClient.open(probe_server.ws, session["control"])
    await client.receive(Welcome)
    yield client
    await client.close()


async def last_words(url: str, *messages: bytes | str) -> tuple[int, Error]:
    """The close code and the fatal error after sending these."""
    client = ControlClient(await connect(url, max_size=2**20))
    for message in messages:
        await client.socket.send(message)
    code = await client.closed()
    error = client.log[-1]
    assert isinstance(error, Error)
    assert error.fatal
    return code, error


@pytest.mark.parametrize(
    ("first", "close", "code"),
    [
        (b"", 4400, "malformed"),
        (b"\xc1", 4400, "malformed"),
        (msgpack.packb({"type": "hello"}), 4400, "invalid"),
        (encode(Ping(t=1.0)), 4400, "expected_hello"),
        (encode(Input(seq=1, t=1.0, buttons=[])), 4400, "expected_hello"),
        (encode(Hello(version=VERSION + 1)), 4406, "unsupported_version"),
        ("hello", 1003, "malformed"),
        (b"x" * (MAX_MESSAGE_BYTES + 1), 1009, "too_large"),
    ],
)
async def test_a_bad_first_message_ends_it(
    probe_server: Served, session: dict[str, Any], first: bytes | str, close: int, code: str
) -> None:
    url = probe_server.ws + session["control"]
    got, error = await last_words(url, first)
    assert (got, error.code) == (close, code)


async def test_an_unknown_session(probe_server: Served) -> None:
    code, error = await last_words(probe_server.ws + "/sessions/none/control")
    assert (code, error.code) == (4404, "unknown_session")


@pytest.mark.parametrize(
    ("message", "close", "code"),
    [("text", 1003, "malformed"), (b"x" * (MAX_MESSAGE_BYTES + 1), 1009, "too_large")],
)
async def test_text_and_oversized_messages_end_it_later_too(
    probe_server: Served, session: dict[str, Any], message: bytes | str, close: int, code: str
) -> None:
    got, error = await last_words(probe_server.ws + session["control"], HELLO, message)
    assert (got, error.code) == (close, code)


async def test_a_far_too_large_message_is_cut_off(
    probe_server: Served, session: dict[str, Any]
) -> None:
    client = ControlClient(await connect(probe_server.ws + session["control"]))
    await client.socket.send(bytes(2**20))
    assert await client.closed() == 1009


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xc1", "malformed"),
        (b"", "malformed"),
        (msgpack.packb({"type": "fly"}), "malformed"),
        (msgpack.packb({"type": "input", "seq": "1", "t": 0.0, "buttons": []}), "invalid"),
        (encode(Input(seq=3, t=0.0, buttons=["fly"])), "unknown_button"),
        (encode(Input(seq=2, t=0.0, buttons=[])), "stale_sequence"),
        (encode(Input(seq=3, t=0.0, buttons=[], axes={"roll": 0.5})), "unknown_axis"),
        (encode(Input(seq=3, t=0.0, buttons=[], axes={"turn": 3.5})), "invalid"),
        (encode(STALE), "stale_sequence"),
        (encode(UNKNOWN), "unknown_words"),
        (msgpack.packb({"type": "prompt", "seq": 3, "t": 0.0, "text": None}), "invalid"),
        (HELLO, "invalid"),
        (msgpack.packb({"type": "ping", "t": float("nan")}), "invalid"),
    ],
)
async def test_other_bad_messages_are_answered_and_it_goes_on(
    driver: ControlClient, message: bytes, code: str
) -> None:
    await driver.send(Input(seq=2, t=0.0, buttons=["left"]))
    await driver.socket.send(message)
    error = await driver.receive(Error)
    assert (error.code, error.fatal) == (code, False)
    answers = {encode(prompt): prompt.seq for prompt in (STALE, UNKNOWN)}
    assert error.seq == answers.get(message)
    await driver.send(Ping(t=77.5))
    assert (await driver.receive(Pong)).t == 77.5


async def test_a_flood_is_cut_off_and_the_server_lives(
    probe_server: Served, session: dict[str, Any], driver: ControlClient
) -> None:
    flood = [encode(Ping(t=float(i))) for i in range(3 * MESSAGE_BURST)]
    code, error = await last_words(probe_server.ws + session["control"], HELLO, *flood)
    assert (code, error.code) == (4429, "too_many_messages")
    await driver.send(Ping(t=1.0))
    assert (await driver.receive(Pong)).t == 1.0
