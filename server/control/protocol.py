"""The control protocol, version 2: every message on `/worlds/{id}/control`.

Messages are msgpack maps with a `type` field, one per binary websocket message, parsed only
here. docs/protocol.md explains them; `lightcone schema` exports their JSON Schema, from which
the TypeScript types in client-demo/src/protocol.ts are generated.

Media time is seconds since the world began; frame i is due at i / fps. The RTP timestamp of
a video frame is `round(media_time * 90000) mod 2**32`, of an audio sample
`round(media_time * 48000) mod 2**32`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgpack
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lightcone.model.interface import How

_T = TypeVar("_T")

VERSION = 2
MAX_MESSAGE_BYTES = 4096  # from a client
MESSAGES_PER_SECOND = 250  # from one client in the long run; MESSAGE_BURST at once
MESSAGE_BURST = 500
MAX_ERROR_TEXT = 300
MAX_PROMPT = 500  # characters
MAX_BLEND = 96  # chunks, 8 s
HELLO_TIMEOUT_S = 5.0

# websocket close codes, beside 1000 (the client left) and 1012 (the server goes down)
CLOSE_NOT_BINARY = 1003
CLOSE_TOO_LARGE = 1009
CLOSE_NO_HELLO = 4400
CLOSE_UNKNOWN_WORLD = 4404
CLOSE_UNSUPPORTED_VERSION = 4406
CLOSE_HELLO_TIMEOUT = 4408
CLOSE_WORLD_ENDED = 4410
CLOSE_TOO_MANY = 4429
CLOSE_TOO_SLOW = 4430
CLOSE_WORLD_FAILED = 4500

Role = Literal["driver", "viewer"]
WorldPhase = Literal["starting", "running", "paused", "ended", "failed"]
ErrorCode = Literal[
    "malformed",  # not msgpack, or no known message type
    "invalid",  # a field is missing, of the wrong type or out of range
    "unknown_axis",  # a moved axis that this world has not
    "unknown_words",  # a prompt with words that this world does not know
    "prompt_failed",  # the world could not take the prompt; it goes on as it was
    "too_many_prompts",  # so many prompts wait already
    "too_large",  # more than MAX_MESSAGE_BYTES
    "unknown_button",  # a held button that this world has not
    "stale_sequence",  # seq not greater than the last one accepted
    "not_driver",  # input or a prompt from somebody who only watches
    "unsupported_version",  # a version that this server does not speak
    "expected_hello",  # the first message must be hello
    "world_failed",  # the world can not go on
    "unknown_world",  # no world has this id
    "too_many_messages",  # more than MESSAGES_PER_SECOND for long
    "too_many_clients",  # the world takes no more control clients
]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# client to server


ClientTime = Annotated[float, Field(allow_inf_nan=False)]
"""The client's own clock in milliseconds, finite; it comes back with the answer."""


Sequence = Annotated[int, Field(ge=0, lt=2**53)]
Strength = Annotated[float, Field(allow_inf_nan=False)]


class Hello(Message):
    """First message of a client. `want` "driver" asks for the wheel and gets it if free."""

    type: Literal["hello"] = "hello"
    version: int
    want: Role = "driver"


class Input(Message):
    """Everything held from now on, and how far each axis is moved (those that are not named are
    at rest). `seq` grows by at least one; `t` is the client's clock in milliseconds, finite, and
    comes back in the receipt."""

    type: Literal["input"] = "input"
    seq: Sequence
    t: ClientTime
    buttons: Annotated[list[str], Field(max_length=32)]
    axes: Annotated[dict[str, Strength], Field(max_length=8)] = {}


class Prompt(Message):
    """The world in new words: at once ("cut"), over `chunks` ("blend"), or at once with its
    memory computed anew ("recache"). What they do not name stays. `seq` and `t` as in an input,
    which it shares the sequence with."""

    type: Literal["prompt"] = "prompt"
    seq: Sequence
    t: ClientTime
    text: Annotated[str, Field(max_length=MAX_PROMPT)]
    how: How = "cut"
    chunks: Annotated[int, Field(ge=1, le=MAX_BLEND)] = 12


class Ping(Message):
    type: Literal["ping"] = "ping"
    t: ClientTime


# server to client


class GamepadInput(Message):
    """W3C standard gamepad: a button index, or an axis beyond half way in `direction`."""

    kind: Literal["button", "axis"]
    index: int
    direction: Literal[-1, 0, 1] = 0


class Control(Message):
    name: str
    label: str
    keys: list[str]  # W3C UI Events `code` values
    gamepad: list[GamepadInput]


class AxisControl(Message):
    """A control with a strength from `low` to `high`, 0 at rest. `mouse` "x": moved by sideways
    motion. `gamepad` is an axis, whose end in `direction` is `high`."""

    name: str
    label: str
    low: float
    high: float
    mouse: Literal["x"] | None
    gamepad: GamepadInput | None


class WorldDescription(Message):
    id: str
    world: str
    title: str
    description: str
    width: int
    height: int
    fps: int
    sample_rate: int
    frames_per_chunk: int
    controls: list[Control]
    axes: list[AxisControl]
    words: list[str]  # what a prompt may say while it runs


class Welcome(Message):
    """Answer to hello."""

    type: Literal["welcome"] = "welcome"
    version: int
    role: Role
    world: WorldDescription


class Status(Message):
    """Sent after welcome and whenever one of its fields changes; at least once a second while
    running. `stalls` counts late chunks since the world began, `stalled_ms` their sum; `prompt`
    is all that the world was told, as one prompt, with which another one can begin."""

    type: Literal["status"] = "status"
    phase: WorldPhase
    role: Role
    media_time: float
    viewers: int
    driver: bool  # somebody drives
    stalls: int
    stalled_ms: float
    chunk_ms: float  # median time to generate one of the recent chunks
    prompt: str
    reason: str | None = None


class Receipt(Message):
    """The input `seq` is in the picture and the sound from `media_time` (frame `frame`) on."""

    type: Literal["receipt"] = "receipt"
    seq: int
    t: float
    frame: int
    media_time: float


class PromptReceipt(Message):
    """The prompt `seq` begins to show at `media_time` (frame `frame`), and shows fully from
    `full_media_time` (frame `full_frame`) on."""

    type: Literal["prompt_receipt"] = "prompt_receipt"
    seq: int
    t: float
    frame: int
    media_time: float
    full_frame: int
    full_media_time: float
    text: str


class Stall(Message):
    """A chunk came late: the last frame was held and the media clock moved by `held_ms`."""

    type: Literal["stall"] = "stall"
    media_time: float
    held_ms: float


class Pong(Message):
    type: Literal["pong"] = "pong"
    t: float
    media_time: float


class Error(Message):
    """What was refused and why. The connection goes on unless `fatal`. `seq` is that of the
    prompt that it answers; `words` are those of a prompt that are not among the `known`, or two of
    these that do not go together."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    fatal: bool = False
    seq: int | None = None
    words: list[str] = []
    known: list[str] = []


FromClient = Hello | Input | Prompt | Ping
FromServer = Welcome | Status | Receipt | PromptReceipt | Stall | Pong | Error
ClientMessage = Annotated[FromClient, Field(discriminator="type")]
ServerMessage = Annotated[FromServer, Field(discriminator="type")]

_client: TypeAdapter[FromClient] = TypeAdapter(ClientMessage)
_server: TypeAdapter[FromServer] = TypeAdapter(ServerMessage)


class ProtocolError(Exception):
    """A message that is not one; `code` and the text go back to its sender."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code


def encode(message: Message) -> bytes:
    packed: bytes = msgpack.packb(message.model_dump())
    return packed


def decode_client(data: bytes) -> FromClient:
    """Parse what a client sent. Raises ProtocolError."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise ProtocolError("too_large", f"message of {len(data)} bytes (max {MAX_MESSAGE_BYTES})")
    return _decode(data, _client)


def decode_server(data: bytes) -> FromServer:
    """Parse what a server sent. Raises ProtocolError."""
    return _decode(data, _server)


def schema() -> dict[str, Any]:
    """JSON Schema of both directions."""
    return {
        "version": VERSION,
        "client": _client.json_schema(),
        "server": _server.json_schema(),
    }


def _decode(data: bytes, adapter: TypeAdapter[_T]) -> _T:
    try:
        value = msgpack.unpackb(data)
    except Exception as error:  # msgpack raises many kinds, ValueError among them
        raise ProtocolError("malformed", f"not msgpack: {error}") from error
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        unknown = first["type"].startswith("union_tag") or not isinstance(value, dict)
        code: ErrorCode = "malformed" if unknown else "invalid"
        text = f"{where}: {first['msg']}" if where else first["msg"]
        raise ProtocolError(code, text[:MAX_ERROR_TEXT]) from error
