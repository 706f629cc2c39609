"""The messages of the control websocket, version 3 (docs/protocol.md, "Control"), as plain data.

Fields that are not named here are ignored, as a server may add some within a version.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lightcone.client.bodies import Axis, Control

VERSION = 3

Role = Literal["driver", "spectator"]
How = Literal["cut", "blend", "recache"]


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """A msgpack map with a `type`."""


class Hello(Message, frozen=True, tag="hello"):
    version: int
    want: Role
    resume: str | None


class Input(Message, frozen=True, tag="input"):
    seq: int
    t: float
    buttons: list[str]
    axes: dict[str, float]


class Prompt(Message, frozen=True, tag="prompt"):
    seq: int
    t: float
    text: str
    how: How
    chunks: int


class Rewind(Message, frozen=True, tag="rewind"):
    seq: int
    t: float
    action: Literal["start", "stop", "to"]
    world_frame: int


class Wheel(Message, frozen=True, tag="wheel"):
    action: Literal["ask", "give", "leave"]
    seat: str | None


class Ping(Message, frozen=True, tag="ping"):
    t: float


class LiveWorld(Message, frozen=True, tag=None, tag_field=None):
    """The world of a running session: `words` are those that a prompt may use now, `history_s` is
    how far a rewind can reach back, in seconds of world time."""

    id: str
    world: str
    title: str
    width: int
    height: int
    fps: int
    sample_rate: int | None
    chunk_frames: list[int]
    controls: list[Control]
    axes: list[Axis]
    prompt: Literal["none", "grammar", "free"]
    prompt_length: int
    words: list[str]
    history_s: float
    play_recorded: bool
    consent: str


class Welcome(Message, frozen=True, tag="welcome"):
    version: int
    role: Role
    seat: str
    resume: str
    session: LiveWorld


class Status(Message, frozen=True, tag="status"):
    """How the session is; `media_time` in seconds, `chunk_ms` and `stalled_ms` in milliseconds,
    `rate` the share of the full frame rate."""

    phase: str
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
    chunk_ms: float
    steps: int
    rate: float
    overloaded: bool
    recording: bool
    prompt: str
    reason: str | None = None


class Receipt(Message, frozen=True, tag="receipt"):
    """The input `seq` is in picture and sound from `media_time`, in seconds, on: the time of
    stream frame `stream_frame`, which shows world frame `world_frame`. `t` is when it was sent, in
    milliseconds of this client's monotonic clock. The server had it for `waited_ms` before it
    started the chunk with it, which took `step_ms`."""

    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float
    waited_ms: float
    step_ms: float


class PromptReceipt(Message, frozen=True, tag="prompt_receipt"):
    """The prompt `seq` begins to show at `media_time`, and shows fully from `full_media_time` on;
    other fields as in `Receipt`."""

    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float
    full_world_frame: int
    full_stream_frame: int
    full_media_time: float
    text: str


class RewindReceipt(Message, frozen=True, tag="rewind_receipt"):
    """The session goes on, or with "start" runs backwards, from `world_frame`, shown from
    `media_time` on; other fields as in `Receipt`."""

    seq: int
    t: float
    action: Literal["start", "stop", "to"]
    world_frame: int
    stream_frame: int
    media_time: float


class Stall(Message, frozen=True, tag="stall"):
    """A chunk came late: the frame before `media_time` was held for `held_ms`."""

    media_time: float
    held_ms: float


class Pong(Message, frozen=True, tag="pong"):
    t: float
    media_time: float


class Error(Message, frozen=True, tag="error"):
    code: str
    message: str
    fatal: bool
    seq: int | None
    words: list[str]
    known: list[str]


FromServer = Welcome | Status | Receipt | PromptReceipt | RewindReceipt | Stall | Pong | Error
FromClient = Hello | Input | Prompt | Rewind | Wheel | Ping

_decoder = msgspec.msgpack.Decoder(FromServer)


def encode(message: FromClient) -> bytes:
    return msgspec.msgpack.encode(message)


def decode(data: bytes) -> FromServer | None:
    """None for what is no message that this client knows."""
    try:
        message: FromServer = _decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return message
