"""The AsyncAPI document: it is one, it is of the protocol, and real messages are as it says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import msgpack
import pytest
from probe_viewer import ProbeViewer
from serving import Served
from websockets.asyncio.client import ClientConnection, connect

from lightcone.server.control import protocol

# schemas/3.0.0-without-$id.json of github.com/asyncapi/spec-json-schemas, Apache-2.0
OFFICIAL = Path(__file__).with_name("asyncapi-3.0.0.schema.json.gz")

CLIENT, SERVER = get_args(protocol.FromClient), get_args(protocol.FromServer)


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Served:
    flags = ("--probe-compute-ms", "40", "--min-rate", "1", "--max-sessions", "1")
    return serve(*flags, worlds="probe-faulty")


@pytest.fixture(scope="module")
def document(server: Served) -> dict[str, Any]:
    with server.blocking_client() as client:
        found: dict[str, Any] = client.get("/asyncapi.json").json()
    return found


def validator(document: dict[str, Any], operation: str) -> Callable[[dict[str, Any]], None]:
    """Raises for a message that is none of the operation's."""
    names = [
        each["$ref"].rpartition("/")[2] for each in document["operations"][operation]["messages"]
    ]
    payloads = {
        name: document["components"]["messages"][name]["payload"]["$ref"].rpartition("/")[2]
        for name in names
    }
    schemas = {
        name: jsonschema_rs.validator_for(
            {"$ref": f"#/components/schemas/{payload}", "components": document["components"]}
        )
        for name, payload in payloads.items()
    }

    def validate(message: dict[str, Any]) -> None:
        schemas[message["type"]].validate(message)
        described = document["components"]["schemas"][payloads[message["type"]]]["properties"]
        assert set(message) <= set(described)

    return validate


def test_it_is_a_document_of_asyncapi_3(document: dict[str, Any], server: Served) -> None:
    official = json.loads(gzip.decompress(OFFICIAL.read_bytes()))
    jsonschema_rs.validator_for(official).validate(document)
    assert document["servers"]["here"]["host"] == server.url.removeprefix("http://")


def test_it_is_of_the_protocol(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == str(protocol.VERSION)
    messages = document["components"]["messages"]
    assert set(messages) == {kind.model_fields["type"].default for kind in (*CLIENT, *SERVER)}
    assert set(document["channels"]["control"]["messages"]) == set(messages)
    for kind in (*CLIENT, *SERVER):
        properties = document["components"]["schemas"][kind.__name__]["properties"]
        assert set(properties) == set(kind.model_fields)


def examples() -> Iterator[protocol.Message]:
    yield protocol.Hello(version=3)
    yield protocol.Input(seq=1, t=0.5, buttons=["left"], axes={"turn": -1.5})
    yield protocol.Prompt(seq=2, t=1, text="slow", how="blend", chunks=96)
    yield protocol.Rewind(seq=3, t=1, action="to", world_frame=7)
    yield protocol.Wheel(action="give", seat="s2")
    yield protocol.Ping(t=1)


@pytest.mark.parametrize("message", [*examples()], ids=lambda message: message.type)
def test_what_the_server_takes_is_valid(
    document: dict[str, Any], message: protocol.Message
) -> None:
    validate = validator(document, "fromClient")
    validate(message.model_dump())
    for wrong in (
        {**message.model_dump(), "more": 1},
        {name: value for name, value in message.model_dump().items() if name != "type"}
        | {"type": message.model_dump()["type"], "t": "now"},
    ):
        with pytest.raises(jsonschema_rs.ValidationError):
            validate(wrong)
        with pytest.raises(protocol.ProtocolError):
            protocol.decode_client(msgpack.packb(wrong))


async def test_every_message_of_a_running_server_is_valid(
    document: dict[str, Any], server: Served
) -> None:
    validate = validator(document, "fromServer")
    session = server.new_session()
    seen: set[str] = set()

    async def until(socket: ClientConnection, kind: str) -> None:
        while True:
            message = msgpack.unpackb(await socket.recv())
            validate(message)
            seen.add(message["type"])
            if message["type"] == kind:
                return

    async def send(socket: ClientConnection, message: protocol.Message) -> None:
        await socket.send(protocol.encode(message))

    async with server.client() as http, connect(server.ws + session["control"]) as socket:
        viewer = ProbeViewer()
        await viewer.join(http, session["whep"])
        await send(socket, protocol.Hello(version=3))
        await until(socket, "welcome")
        await send(socket, protocol.Input(seq=1, t=0, buttons=["left"], axes={"turn": 1.5}))
        await until(socket, "receipt")
        await send(socket, protocol.Prompt(seq=2, t=0, text="slow"))
        await until(socket, "prompt_receipt")
        await until(socket, "stall")
        await send(socket, protocol.Prompt(seq=3, t=0, text="moon"))
        await until(socket, "error")
        await send(socket, protocol.Rewind(seq=4, t=0, action="to", world_frame=0))
        await until(socket, "rewind_receipt")
        await send(socket, protocol.Ping(t=1))
        await until(socket, "pong")
        await until(socket, "status")
        await viewer.close()
    assert seen == {kind.model_fields["type"].default for kind in SERVER}
