"""From the server to a worker."""

from __future__ import annotations

from lightcone.model.interface import DecoderName, How
from lightcone.server.telemetry.logs import LogLevel
from lightcone.server.worker.messages.base import LaneName, Message, RewindAction


class Load(Message, frozen=True):
    """First message: how to open models. `worlds` are what the server serves; the model of the
    first is opened at once, the others with their first `Open`. Answered by Ready or Refused.
    `scale` and `video_bitrate` are those with which the cost of encoding is measured."""

    worlds: list[str]
    weights: str
    steps: int | None = None  # of denoising; the family's own
    device: str = "cpu"
    threads: int = 1
    action_guidance: float = 1.0
    probe_compute_ms: float = 20.0
    step_timeout_s: float = 30.0
    history_s: float = 30.0  # world time that rewind can reach back
    min_rate: float = 0.5  # the lowest share of the full frame rate that degradation may use
    scale: int | None = None  # the largest scale of the picture; None: the format's default
    video_bitrate: int = 2_000_000
    max_batch: int = 0  # the most sessions in one step; 0: as many as the largest bucket takes
    record: str = ""  # folder, on the worker's machine, of what is played; "": it is not recorded
    consent: str = ""  # written into these recordings
    log_level: LogLevel = "info"
    log_json: bool = False
    text_device: str = "cpu"  # of the text encoder, of the wan family
    decoder: DecoderName = "vae"  # of the wan and matrix_game families
    fp8_kv: bool = False  # keys and values of these families in eight bits
    fp8_linears: bool = False  # and their linear layers
    kv_gb: float = 0.0  # of an arena of keys and values of each of their worlds; 0: none
    compile: bool = False  # the transformers of these families, by torch.compile
    graphs: bool = False  # their passes are recorded as CUDA graphs


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
    """The session runs while `run`, and its clock with it. `lanes` are what viewers of it watch
    now, with bits a second, and `sound` whether any of them hears it: nothing else is encoded."""

    session: str
    run: bool
    lanes: dict[LaneName, int]
    sound: bool = True


class KeyframeWanted(Message, frozen=True):
    session: str
    lane: LaneName


class Input(Message, frozen=True):
    """What the driver holds from now on; `seat` and `seq` come back in a receipt. `t` is the
    client's clock, ms. Checked by the sender: names are known, strengths in range."""

    session: str
    seat: str
    seq: int
    t: float
    buttons: list[str]
    axes: dict[str, float]


class Drive(Message, frozen=True):
    """Whether somebody drives the session; who has lost their connection does for a grace time.
    What is played is recorded while somebody does. Nobody drives a new session."""

    session: str
    driven: bool


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


ToWorker = (
    Load
    | OpenWorld
    | Open
    | Restore
    | Fork
    | Watch
    | KeyframeWanted
    | Drive
    | Input
    | Release
    | Condition
    | Rewind
    | Save
    | Drop
    | Ping
)
