"""The control protocol, version 3: every message on `/sessions/{id}/control`.

Messages are msgpack maps with a `type` field, one per binary websocket message, parsed only
here. docs/protocol.md explains them; `lightcone schema` exports their JSON Schema, from which
the TypeScript types in client-demo/src/protocol.ts are generated.

World frames count what the world has generated since it began; rewind and fork move them. Stream
frames count what this session's stream has sent; they only grow. Media time is the stream's clock
in seconds. The RTP timestamp of a video frame is `round(media_time * 90000) mod 2**32`, of an audio
sample `round(media_time * 48000) mod 2**32`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import msgpack
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lightcone.model.interface import How
from lightcone.server.errors import printable

_T = TypeVar("_T")

VERSION = 3
MAX_MESSAGE_BYTES = 8192  # from a client: a prompt of the longest, in any script
MESSAGES_PER_SECOND = 250  # from one client in the long run; MESSAGE_BURST at once
MESSAGE_BURST = 500
MAX_ERROR_TEXT = 300
MAX_PROMPT = 2000  # characters; a world may take fewer
MAX_BLEND = 96  # chunks, 8 s
HELLO_TIMEOUT_S = 5.0

# websocket close codes of the server's own
CLOSE_NOT_BINARY: Final = 1003
CLOSE_TOO_LARGE: Final = 1009
CLOSE_NO_HELLO: Final = 4400
CLOSE_TOKEN_EXPIRED: Final = 4401
CLOSE_UNKNOWN_SESSION: Final = 4404
CLOSE_UNSUPPORTED_VERSION: Final = 4406
CLOSE_HELLO_TIMEOUT: Final = 4408
CLOSE_TAKEN_OVER: Final = 4409
CLOSE_SESSION_ENDED: Final = 4410
CLOSE_TOO_MANY: Final = 4429
CLOSE_TOO_SLOW: Final = 4430
CLOSE_SESSION_FAILED: Final = 4500

CloseCode = Literal[1003, 1009, 4400, 4401, 4404, 4406, 4408, 4409, 4410, 4429, 4430, 4500]
TransportCloseCode = Literal[1000, 1011, 1012]
"""Those of the websocket itself: the client left, no answer to a ping, the server goes down."""

Role = Literal["driver", "spectator"]
Phase = Literal["starting", "running", "paused", "restoring", "ended", "failed"]
ErrorCode = Literal[
    "malformed",  # not msgpack, or no known message type
    "invalid",  # a field is missing, of the wrong type or out of range
    "unknown_button",  # a held button that this world does not have
    "unknown_axis",  # a moved axis that this world does not have
    "unknown_words",  # a prompt with words that this world does not know
    "prompt_failed",  # the prompt could not be applied; the session goes on as it was
    "too_many_prompts",  # too many prompts wait already
    "rewind_failed",  # no snapshot reaches back that far; the session goes on as it was
    "recording_failed",  # what was recorded can be played up to there; the session goes on
    "too_large",  # more than MAX_MESSAGE_BYTES
    "stale_sequence",  # seq not greater than the last one accepted
    "not_driver",  # input, a prompt or a rewind from a spectator
    "forbidden",  # the token of this seat, or of that one, is for watching
    "over_quota",  # too much was asked for; the message says of what
    "token_expired",  # the token of this connection is over
    "unknown_seat",  # the wheel was given to a seat that is not there
    "unknown_token",  # a resume token that no seat of this session has; the seat is a new one
    "unsupported_version",  # a version that this server does not speak
    "expected_hello",  # the first message must be hello
    "session_failed",  # the session can not go on
    "unknown_session",  # no session has this id
    "taken_over",  # another connection resumed this seat
    "too_many_messages",  # more than MESSAGES_PER_SECOND for long
    "too_many_clients",  # the session takes no more control clients
]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# client to server


ClientTime = Annotated[float, Field(allow_inf_nan=False)]
"""The client's own clock in milliseconds, finite; it comes back with the answer."""


Sequence = Annotated[int, Field(ge=0, lt=2**53)]
Strength = Annotated[float, Field(allow_inf_nan=False)]


class Hello(Message):
    """First message of a client. `want` "driver" asks for the wheel and gets it if it is free.
    `resume` is the token of an earlier welcome: the client takes the same seat again."""

    type: Literal["hello"] = "hello"
    version: int
    want: Role = "driver"
    resume: Annotated[str, Field(max_length=64)] | None = None


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


class Wheel(Message):
    """Who steers. "ask": the driver is asked to hand the wheel over, and the asker is next when it
    is free. "give": the driver hands it to `seat`, or to the first who asked. "leave": the driver
    lets go of it and only watches, or an asker takes the question back."""

    type: Literal["wheel"] = "wheel"
    action: Literal["ask", "give", "leave"]
    seat: Annotated[str, Field(max_length=64)] | None = None


class Rewind(Message):
    """The driver goes back in world time: "start" runs backwards until "stop", "to" goes to the
    newest snapshot at or before `world_frame`. `seq` and `t` as in an input."""

    type: Literal["rewind"] = "rewind"
    seq: Sequence
    t: ClientTime
    action: Literal["start", "stop", "to"]
    world_frame: Annotated[int, Field(ge=0, lt=2**53)] = 0


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
    motion, "y": by motion up and down, down towards `high`. `gamepad` is an axis, whose end in
    `direction` is `high`."""

    name: str
    label: str
    low: float
    high: float
    mouse: Literal["x", "y"] | None
    gamepad: GamepadInput | None


class SessionDescription(Message):
    """`words` are what a prompt may use while the session runs, where `prompt` is "grammar";
    `history_s` is how far a rewind can reach back, in seconds of world time. `play_recorded` is
    whether the server keeps what is played as training recordings, and `consent` what those who
    play agree to with it ("" where the server does not say)."""

    id: str
    world: str
    title: str
    description: str
    width: int
    height: int
    fps: int
    sample_rate: int | None
    chunk_frames: list[int]
    controls: list[Control]
    axes: list[AxisControl]
    prompt: Literal["none", "grammar", "free"]
    prompt_length: int
    words: list[str]
    history_s: float
    play_recorded: bool
    consent: str


class Welcome(Message):
    """Answer to hello. `seat` names this client among the others; `resume` is the token with which
    it takes the same seat again after a reload or a change of network."""

    type: Literal["welcome"] = "welcome"
    version: int
    role: Role
    seat: str
    resume: str
    session: SessionDescription


class Status(Message):
    """Sent after welcome and whenever one of its fields changes; at least once a second while
    running. `media_time` and `world_frame` are of the moment of sending. `stalls` counts late
    chunks since the session began, `stalled_ms` their sum. `driver` is the seat that drives (null:
    nobody), `asking` the seats that ask for the wheel, first come first. `turn_left_s` is what is
    left of a time-boxed turn. `steps`, `rate` (share of the full frame rate) and `overloaded` say
    how the session is degraded. `prompt` is all prompts given so far as one, with which another
    session can start. `recording` is whether it is being recorded."""

    type: Literal["status"] = "status"
    phase: Phase
    role: Role
    media_time: float
    world_frame: int
    viewers: int
    seats: int
    driver: str | None
    asking: list[str]
    turn_left_s: float | None
    stalls: int
    stalled_ms: float
    chunk_ms: float  # median time to generate one of the recent chunks
    steps: int
    rate: float
    overloaded: bool
    recording: bool
    prompt: str
    reason: str | None = None


class Receipt(Message):
    """The input `seq` is in the picture and the sound from `media_time` (stream frame
    `stream_frame`, world frame `world_frame`) on. It waited `waited_ms` for the chunk that carries
    it to start, and the chunk took `step_ms`."""

    type: Literal["receipt"] = "receipt"
    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float
    waited_ms: float
    step_ms: float


class PromptReceipt(Message):
    """The prompt `seq` begins to show at `media_time` (`stream_frame`, `world_frame`), and shows
    fully from `full_media_time` on."""

    type: Literal["prompt_receipt"] = "prompt_receipt"
    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float
    full_world_frame: int
    full_stream_frame: int
    full_media_time: float
    text: str


class RewindReceipt(Message):
    """The rewind `seq`: with "start" the session runs back from `world_frame` on, else it goes on
    from there; shown from `media_time` (`stream_frame`) on."""

    type: Literal["rewind_receipt"] = "rewind_receipt"
    seq: int
    t: float
    action: Literal["start", "stop", "to"]
    world_frame: int
    stream_frame: int
    media_time: float


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


FromClient = Hello | Input | Prompt | Wheel | Rewind | Ping
FromServer = Welcome | Status | Receipt | PromptReceipt | RewindReceipt | Stall | Pong | Error
ClientMessage = Annotated[FromClient, Field(discriminator="type")]
ServerMessage = Annotated[FromServer, Field(discriminator="type")]

_client: TypeAdapter[FromClient] = TypeAdapter(ClientMessage)
_server: TypeAdapter[FromServer] = TypeAdapter(ServerMessage)


class ProtocolError(Exception):
    """A message that is not one; `code` and the text go back to its sender, and may be logged:
    names from the message are escaped in it."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(printable(message, MAX_ERROR_TEXT))
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
    """JSON Schema of both directions, and the codes with which a connection is closed."""
    return {
        "version": VERSION,
        "close_codes": sorted(get_args(CloseCode) + get_args(TransportCloseCode)),
        "client": _client.json_schema(),
        "server": _server.json_schema(),
    }


def _decode(data: bytes, adapter: TypeAdapter[_T]) -> _T:
    try:
        value = msgpack.unpackb(data)
    except Exception as error:  # msgpack raises many kinds, ValueError among them
        raise ProtocolError("malformed", "not msgpack") from error
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        unknown = first["type"].startswith("union_tag") or not isinstance(value, dict)
        code: ErrorCode = "malformed" if unknown else "invalid"
        text = f"{where}: {first['msg']}" if where else first["msg"]
        raise ProtocolError(code, text) from error
