"""Logs: whatever comes from outside, an event is one line, or one JSON object, and no other."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from probe_viewer import ControlClient, ProbeViewer
from serving import Served
from structlog.contextvars import bound_contextvars
from websockets.asyncio.client import connect

from lightcone.server.control.protocol import Prompt, PromptReceipt, Welcome
from lightcone.server.telemetry.logs import MOST_CHARACTERS, formatter, get_logger

FORGED = "x\n12:00:00 [info     ] ended [lightcone.session] session='forged'"
CONTROL = "\x1b[2J\x9b31m\r\x85\u2028\u202e"

outside = st.text() | st.sampled_from([FORGED, CONTROL])


@contextmanager
def logged(as_json: bool = False, **fields: object) -> Iterator[io.StringIO]:
    """What the logger `outside` writes meanwhile."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(as_json, **fields))
    logger = logging.getLogger("outside")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield out
    finally:
        logger.removeHandler(handler)


@given(outside)
@example(FORGED)
@example(CONTROL)
def test_words_from_outside_are_one_printable_line(text: str) -> None:
    with logged() as out:
        get_logger("outside").info("prompt", text=text, words=[text])
        logging.getLogger("outside").warning("a library has seen %s", text)
    lines = out.getvalue().split("\n")
    assert len(lines) == 3
    assert lines.pop() == ""
    for line in lines:
        assert line.isprintable(), line
        assert len(line.splitlines()) == 1


@given(outside)
@example(FORGED)
def test_a_field_can_not_look_like_another_one(text: str) -> None:
    with logged() as out:
        get_logger("outside").info("prompt", text=f"{text}' session='forged")
    written = text + "' session='forged"
    assert out.getvalue().endswith(f"text={written!r}\n") or len(written) > MOST_CHARACTERS


@given(outside)
@example(FORGED)
@example(CONTROL)
def test_as_json_an_event_is_one_object_that_keeps_the_words(text: str) -> None:
    with logged(as_json=True, worker=7) as out:
        get_logger("outside").bind(session="a").info("prompt", text=text)
        logging.getLogger("outside").warning("a library has seen %s", text)
    written = out.getvalue()
    assert written.isascii()
    ours, foreign = (json.loads(line) for line in written.splitlines())
    assert {"event": "prompt", "session": "a", "worker": 7, "level": "info"}.items() <= ours.items()
    assert ours["text"] == text[:MOST_CHARACTERS]
    assert foreign["event"] == f"a library has seen {text}"
    assert (foreign["logger"], foreign["worker"]) == ("outside", 7)


@pytest.mark.parametrize(
    "log",
    [
        lambda error: get_logger("outside").warning("it fails", exc_info=error),
        lambda error: get_logger("outside").exception("it fails"),
        lambda error: logging.getLogger("outside").exception("it fails"),
    ],
)
def test_the_lines_of_a_traceback_are_indented(log: Callable[[Exception], Any]) -> None:
    with logged() as out:
        try:
            raise ValueError(FORGED)
        except ValueError as error:
            log(error)
    first, *others = out.getvalue().splitlines()
    assert "it fails" in first
    assert any("ValueError: x" in line for line in others)
    assert all(line.startswith("    ") for line in others)


def test_a_line_of_a_library_has_the_session_that_it_is_about() -> None:
    with logged(as_json=True) as out, bound_contextvars(session="a"):
        logging.getLogger("outside").warning("no candidates")
    assert json.loads(out.getvalue())["session"] == "a"


def test_a_text_that_is_too_long_is_cut() -> None:
    with logged() as out:
        get_logger("outside").info("prompt", text="x" * 100_000)
    assert len(out.getvalue()) < MOST_CHARACTERS + 200


@pytest.fixture
def json_server(serve: Callable[..., Served]) -> Served:
    return serve("--probe-compute-ms", "5", "--log-json")


async def test_nobody_forges_a_line_of_a_server(serve: Callable[..., Served]) -> None:
    server = serve("--probe-compute-ms", "5")
    session = server.new_session()
    hello = {"type": "hello", "version": 3, FORGED: 1}
    async with connect(server.ws + session["control"]) as socket:
        await socket.send(msgpack.packb(hello))
        await socket.recv()
        await socket.wait_closed()
    server.stop()
    lines = server.log.read_text().splitlines()
    assert any("client let go" in line and "forged" in line for line in lines)
    assert not any(line.startswith("12:00:00 [info     ] ended") for line in lines)


async def test_as_json_every_line_of_a_server_is_an_object_with_ids(json_server: Served) -> None:
    session = json_server.new_session()
    async with json_server.client() as http:
        viewer = ProbeViewer()
        await viewer.join(http, session["whep"])
        client = await ControlClient.open(json_server.ws, session["control"])
        seat = (await client.receive(Welcome)).seat
        await viewer.until_first()
        await client.send(Prompt(seq=1, t=0.0, text="green"))
        await client.receive(PromptReceipt)
        await client.close()
        await viewer.close()
    json_server.stop()
    events = [json.loads(line) for line in json_server.log.read_text().splitlines()]
    of_session = [event for event in events if event.get("session") == session["id"]]
    joined = next(event for event in of_session if event["event"] == "viewer connected")
    assert joined["viewer"] == viewer.location.rpartition("/")[2]
    prompt = next(event for event in of_session if event["event"] == "prompt")
    assert (prompt["text"], prompt["seat"]) == ("green", seat)
    assert {event["event"] for event in of_session} >= {"session begins", "seat left", "ended"}
