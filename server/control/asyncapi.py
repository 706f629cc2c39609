"""The control websocket as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/
specification/v3.0.0), made of the message types in `protocol`. Served at /asyncapi.json."""

from __future__ import annotations

from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from lightcone.server.control import protocol
from lightcone.server.control.protocol import FromClient, FromServer, Message

SCHEMAS = "#/components/schemas/{model}"
CHANNEL = "#/channels/control"
MSGPACK = "application/msgpack"


def asyncapi(host: str) -> dict[str, Any]:
    """The document of the server at `host` (with its port). The description is of the maps that
    the messages are: their encoding is msgpack, of which JSON Schema says the same as of JSON."""
    client, server = get_args(FromClient), get_args(FromServer)
    kinds: tuple[type[Message], ...] = (*client, *server)
    _, schema = models_json_schema([(kind, "validation") for kind in kinds], ref_template=SCHEMAS)
    schemas = schema["$defs"]
    for kind in client:
        schemas[kind.__name__]["required"].insert(0, "type")
    for kind in server:  # sent with all of its fields, and in time with others
        schemas[kind.__name__]["required"] = list(schemas[kind.__name__]["properties"])
        del schemas[kind.__name__]["additionalProperties"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lightcone, control of a session",
            "version": str(protocol.VERSION),
            "description": "Inputs, prompts and rewinds, and the receipts that say from which "
            "frame on they are seen and heard. A client says hello first.",
        },
        "defaultContentType": MSGPACK,
        "servers": {"here": {"host": host, "protocol": "ws"}},
        "channels": {
            "control": {
                "address": "/sessions/{session_id}/control",
                "servers": [{"$ref": "#/servers/here"}],
                "parameters": {"session_id": {"description": "The id of a session."}},
                "messages": {
                    _name(kind): {"$ref": f"#/components/messages/{_name(kind)}"} for kind in kinds
                },
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", client),
            "fromServer": _operation("send", server),
        },
        "components": {
            "messages": {_name(kind): _message(kind) for kind in kinds},
            "schemas": schemas,
        },
    }


def _operation(action: str, kinds: tuple[type[Message], ...]) -> dict[str, Any]:
    """`action` as seen from the server, whose application this document is of."""
    return {
        "action": action,
        "channel": {"$ref": CHANNEL},
        "messages": [{"$ref": f"{CHANNEL}/messages/{_name(kind)}"} for kind in kinds],
    }


def _message(kind: type[Message]) -> dict[str, Any]:
    described = {"summary": " ".join(kind.__doc__.split())} if kind.__doc__ else {}
    return {
        "name": _name(kind),
        **described,
        "payload": {"$ref": SCHEMAS.format(model=kind.__name__)},
    }


def _name(kind: type[Message]) -> str:
    name: str = kind.model_fields["type"].default
    return name
