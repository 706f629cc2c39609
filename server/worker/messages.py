"""Messages between the server and its workers: msgspec structs, msgpack on the wire.

They do not know what they cross: a socket pair to a child process, or a network to another machine.
So nothing here is shared memory or a file descriptor, and moments are wall-clock seconds (Unix
time) or media time, never one machine's monotonic clock. Both ends are of one version.

Every `session` is the server's id of it. A `request` number comes back with the reply.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

import msgspec

from lightcone.model.interface import How, WorldInfo

Codec = Literal["H264", "VP8"]
RewindAction = Literal["start", "stop", "to"]


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The base of all messages."""


# ---- server to worker


class Load(Message, frozen=True):
    """First message: how to open models. `worlds` are what the server serves; the model of the
    first is opened at once, the others with their first `Open`. Answered by Ready or Refused.
    `scale` and `video_bitrate` are those with which the cost of encoding is measured."""

    worlds: list[str]
    weights: str
    steps: int
    device: str
    threads: int
    probe_compute_ms: float
    step_timeout_s: float
    history_s: float  # world time that rewind can reach back
    min_rate: float  # the lowest share of the full frame rate that degradation may use
    scale: int = 4  # the largest scale of the picture
    video_bitrate: int = 2_000_000
    max_batch: int = 0  # the most sessions in one step; 0: as many as the largest bucket takes


class Sending(Message, frozen=True):
    """How a session is encoded: the scale of the picture, bits a second, and where its stream
    begins (both 0 for a new session)."""

    scale: int
    video_bitrate: int
    audio_bitrate: int
    stream_frame: int = 0
    media_time: float = 0.0


class OpenWorld(Message, frozen=True):
    """Load the model of a world, if it is not loaded yet. Answered by WorldOpened or Failed."""

    request: int
    world: str


class Open(Message, frozen=True):
    """Start a session: it stands until Watch. `image` is RGB bytes of the world's size. Answered by
    Opened or Failed."""

    request: int
    session: str
    world: str
    seed: int
    prompt: str
    image: bytes | None
    sending: Sending


class Restore(Message, frozen=True):
    """Start a session from a snapshot (`model.runtime.snapshot` bytes), standing until Watch.
    Answered by Opened or Failed."""

    request: int
    session: str
    snapshot: bytes
    sending: Sending


class Fork(Message, frozen=True):
    """A new session from the present state of another one. Answered by Opened or Failed."""

    request: int
    session: str
    new: str
    sending: Sending


class Watch(Message, frozen=True):
    """The session runs while `run`, and its clock with it. `codecs` are what viewers of it watch
    now, and `sound` whether any of them hears it: nothing else is encoded."""

    session: str
    run: bool
    codecs: list[Codec]
    sound: bool = True


class KeyframeWanted(Message, frozen=True):
    session: str
    codec: Codec


class Bitrate(Message, frozen=True):
    """Video bits a second from now on."""

    session: str
    bits: int


class Input(Message, frozen=True):
    """What the driver holds from now on; `seat` and `seq` come back in a receipt. `t` is the
    client's clock, ms. Checked by the sender: names are known, strengths in range."""

    session: str
    seat: str
    seq: int
    t: float
    buttons: list[str]
    axes: dict[str, float]


class Release(Message, frozen=True):
    """Nobody holds anything: the wheel changed hands or its driver is gone."""

    session: str


class Condition(Message, frozen=True):
    """New conditioning for a running session. Prepared off the step path, applied between two
    steps, in the order of the messages. Answered by Conditioned or Failed."""

    request: int
    session: str
    text: str
    how: How
    chunks: int


class Rewind(Message, frozen=True):
    """Go back in world time. "start": run backwards from now on, "stop": go on from where that has
    come to; "to": go on from the newest snapshot at or before world frame `frame`. Answered by
    Rewound (at "start" with where it begins) or Failed."""

    request: int
    session: str
    action: RewindAction
    frame: int = 0


class Save(Message, frozen=True):
    """Take a snapshot now. Answered by Saved or Failed."""

    request: int
    session: str


class Drop(Message, frozen=True):
    """Forget a session. Not answered."""

    session: str


class Ping(Message, frozen=True):
    """Answered by Pong as soon as the worker's loop comes to it."""

    request: int


# ---- worker to server


class StepCost(Message, frozen=True):
    """Measured cost of a world's sessions: ms of a step by batch size, of encoding one frame, and
    bytes of a state with its history."""

    step_ms: dict[int, float]
    encode_ms: float
    session_bytes: int


class Ready(Message, frozen=True):
    """The first model is open and warm after `warm_up_s`; `infos` describe all worlds that are
    served, `costs` those of open models."""

    infos: list[WorldInfo]
    costs: dict[str, StepCost]
    fingerprints: dict[str, str]
    warm_up_s: float


class Refused(Message, frozen=True):
    """The first model can not be opened; one readable line."""

    kind: str
    message: str


class WorldOpened(Message, frozen=True):
    request: int
    world: str
    cost: StepCost
    fingerprint: str


class Opened(Message, frozen=True):
    """The session exists and stands at this world frame. `snapshot` is of its state now, so that
    it survives the worker from the first moment; `prompt` its prompt history."""

    request: int
    session: str
    world: str
    world_frame: int
    snapshot: bytes
    prompt: str


class Conditioned(Message, frozen=True):
    """The prompt shows first at `first`, fully at `full` (world frames). `stream_frame` and
    `media_time` are those at which `first` is shown; `full_media_time` those of `full`."""

    request: int
    first: int
    full: int
    stream_frame: int
    media_time: float
    full_stream_frame: int
    full_media_time: float


class Rewound(Message, frozen=True):
    """The session goes on (or, at "start", runs back) from `world_frame`, shown as `stream_frame`
    at `media_time`."""

    request: int
    world_frame: int
    stream_frame: int
    media_time: float


class Saved(Message, frozen=True):
    request: int
    snapshot: bytes


class Pong(Message, frozen=True):
    request: int


class Failed(Message, frozen=True):
    """A request failed and changed nothing. `kind` is the name of the ModelError, or another
    exception's; `words` and `known` are a PromptError's."""

    request: int
    kind: str
    message: str
    words: list[str] = []
    known: list[str] = []


class Picture(Message, frozen=True):
    """One encoded picture of a session. `pts` is media time in 1/90000 s, unwrapped, `ntp` the
    wall-clock time at which it is due (RFC 5905, 32.32)."""

    session: str
    codec: Codec
    data: bytes
    pts: int
    ntp: int
    keyframe: bool
    stream_frame: int


class Sound(Message, frozen=True):
    """20 ms of Opus; `pts` is media time in 1/48000 s, unwrapped."""

    session: str
    data: bytes
    pts: int
    ntp: int


class Clock(Message, frozen=True):
    """The session's media clock: `media_time` was due at `wall` (Unix seconds); it runs or stands.
    Sent at every start, hold, pause and resume."""

    session: str
    running: bool
    media_time: float
    wall: float
    stalls: int
    stalled_s: float


class Carried(Message, frozen=True):
    """The chunk carries this input from this frame on."""

    seat: str
    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float


class Made(Message, frozen=True):
    """A chunk was made and handed to the encoder; with its entry for the action log. `actions` are
    float32 rows (frames, controls). `batch`, `row` and `threads` say in which shape it was
    computed, `steps` with how many denoising steps; the clock was held for it by `held_s`."""

    session: str
    world_frame: int
    frames: int
    stream_frame: int
    media_time: float
    actions: bytes
    batch: int
    row: int
    threads: int
    steps: int
    digest: bytes
    step_ms: float
    held_s: float
    carried: list[Carried]


class Prompted(Message, frozen=True):
    """For the action log: new conditioning was applied before world frame `world_frame`. `prompt`
    is the session's prompt history with it."""

    session: str
    world_frame: int
    text: str
    how: How
    chunks: int
    prompt: str


class WentBack(Message, frozen=True):
    """For the action log: the session went back to world frame `world_frame`. `prompt` is its
    prompt history there."""

    session: str
    world_frame: int
    prompt: str


class RunningBack(Message, frozen=True):
    """The session runs backwards and shows this world frame now."""

    session: str
    world_frame: int


class Level(Message, frozen=True):
    """How the session is degraded now: its denoising steps, its share of the full frame rate, and
    whether even that does not hold."""

    session: str
    steps: int
    rate: float
    overloaded: bool


class Kept(Message, frozen=True):
    """A snapshot of the rolling set."""

    session: str
    world_frame: int
    snapshot: bytes
    ms: float  # computing time of taking it, which is off the step path


class SessionFailed(Message, frozen=True):
    """The session can not go on; its state is gone."""

    session: str
    kind: str
    message: str


class Stats(Message, frozen=True):
    """Once a second: threads' busy time is in ms of the last second."""

    step_busy_ms: float
    encode_busy_ms: float
    loop_lag_ms: float  # worst of the last second


ToWorker = (
    Load
    | OpenWorld
    | Open
    | Restore
    | Fork
    | Watch
    | KeyframeWanted
    | Bitrate
    | Input
    | Release
    | Condition
    | Rewind
    | Save
    | Drop
    | Ping
)
Reply = WorldOpened | Opened | Conditioned | Rewound | Saved | Pong
OfSession = (
    Picture
    | Sound
    | Clock
    | Made
    | Prompted
    | WentBack
    | RunningBack
    | Level
    | Kept
    | SessionFailed
)
FromWorker = Ready | Refused | Failed | Reply | OfSession | Stats

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_LENGTH = struct.Struct("!I")


def encode(message: Message) -> bytes:
    """A frame: its length, then the message."""
    data = _encoder.encode(message)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Cuts a byte stream into the frames that `encode` makes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            end = at + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[at + _LENGTH.size : end])
            at = end
        del self._buffer[:at]


def decode_to_worker(frame: bytes) -> ToWorker:
    return _to_worker.decode(frame)


def decode_from_worker(frame: bytes) -> FromWorker:
    return _from_worker.decode(frame)
