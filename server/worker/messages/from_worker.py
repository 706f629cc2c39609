"""From a worker to the server."""

from __future__ import annotations

import msgspec

from lightcone.model.interface import How, WorldInfo
from lightcone.server.worker.messages.base import DropCause, LaneName, Message


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
    words: list[str] = msgspec.field(default_factory=list)
    known: list[str] = msgspec.field(default_factory=list)


class Picture(Message, frozen=True):
    """One encoded picture of a session. `pts` is media time in 1/90000 s, unwrapped, `ntp` the
    wall-clock time at which it is due (RFC 5905, 32.32)."""

    session: str
    lane: LaneName
    data: bytes
    pts: int
    ntp: int
    keyframe: bool
    stream_frame: int
    encode_ms: float = 0.0


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
    """The chunk carries this input from this frame on; `waited_ms` is how long the input had been
    there when the chunk was started."""

    seat: str
    seq: int
    t: float
    world_frame: int
    stream_frame: int
    media_time: float
    waited_ms: float = 0.0


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
    decode_ms: float = 0.0  # of `step_ms`, where the family knows


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
    """How the session is degraded now: its denoising steps, of `full_steps`, its share of the full
    frame rate, and whether even that does not hold."""

    session: str
    steps: int
    rate: float
    overloaded: bool
    full_steps: int = 0


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


class Gpu(Message, frozen=True):
    """The GPU that a worker computes on; `use` is the share of the last moment in which it was
    busy, whoever with."""

    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    use: float


class Stats(Message, frozen=True):
    """Once a second: threads' busy time is in ms of the last second. `step_ms` is what a step of
    the open worlds takes now, as in `StepCost`; `dropped` what was not sent in the last second."""

    step_busy_ms: float
    encode_busy_ms: float
    loop_lag_ms: float  # worst of the last second
    step_ms: dict[str, dict[int, float]] = msgspec.field(default_factory=dict)  # by world
    memory_bytes: int = 0  # resident memory of the process
    gpu: Gpu | None = None
    dropped: dict[DropCause, int] = msgspec.field(default_factory=dict)


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
