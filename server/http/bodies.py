"""What clients send and get over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lightcone.model.interface import WorldInfo
from lightcone.server.control import describe
from lightcone.server.control.protocol import (
    MAX_PROMPT,
    AxisControl,
    Control,
    Phase,
)
from lightcone.server.sessions.recording import Recording
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.snapshot_store import StoredSnapshot


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SessionRequest(RequestBody):
    """`world` defaults to the first that is served, `seed` to a random one, `prompt` to none.
    `image` is the picture to start from, PNG or JPEG, as data URL or plain base64. `snapshot` is
    the id of a kept snapshot to go on from, and stands alone, or with the name of its world."""

    world: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] | None = None
    image: str | None = None
    snapshot: Annotated[str, Field(max_length=64)] | None = None


class RewindRequest(RequestBody):
    """Either of both: how far back, in seconds of world time, or to which world frame."""

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    world_frame: Annotated[int, Field(ge=0, lt=2**53)] | None = None


class ForkRequest(RequestBody):
    """`prompt` is under which the new session goes on."""

    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] | None = None


class CatalogueEntry(BaseModel):
    """A world that is served: `words` are what its prompts may use."""

    name: str
    title: str
    description: str
    words: list[str]
    width: int
    height: int
    controls: list[Control]
    axes: list[AxisControl]
    fps: int
    sample_rate: int | None
    chunk_frames: list[int]
    prompt: Literal["none", "grammar", "free"]
    prompt_length: int
    image: Literal["none", "optional", "required"]


class SessionBody(BaseModel):
    """A session now; `seed` and `prompt` are those that it began with, `seed` null where it began
    with a snapshot from elsewhere. `play_recorded` and `consent` are as in the welcome of its
    control protocol. `whep` and `control` are paths on this server."""

    id: str
    world: str
    title: str
    seed: int | None
    prompt: str
    phase: Phase
    reason: str | None
    viewers: int
    seats: int
    driver: bool
    media_time: float
    world_frame: int
    play_recorded: bool
    consent: str
    whep: str
    control: str


class SessionMade(SessionBody):
    """A new session."""

    created: Literal[True] = True


class Queued(BaseModel):
    """No room now: a place in the queue, 1 for the first. `running` are sessions that can be
    watched meanwhile."""

    ticket: str
    place: int
    reason: str
    running: list[SessionBody]


class RewoundBody(BaseModel):
    """The session goes on from `world_frame`, shown from `media_time` (`stream_frame`) on."""

    world_frame: int
    stream_frame: int
    media_time: float


class SnapshotBody(BaseModel):
    """A kept snapshot; `created` is Unix time."""

    id: str
    world: str
    world_frame: int
    bytes: int
    created: float


class RecordingBody(BaseModel):
    """Paths of the files on this server."""

    video: str
    log: str


class WorkerBody(BaseModel):
    """A worker process, `pid` null while it is started again. Busy times are milliseconds of the
    last second, `loop_lag_ms` the worst of it."""

    pid: int | None
    sessions: int
    step_busy_ms: float
    encode_busy_ms: float
    loop_lag_ms: float


class RecoveryBody(BaseModel):
    """A worker that was lost: how long the next one took to start, of which `warm_up_s` to open
    and warm its model, and how long from there until its `sessions` ran again."""

    worker_start_s: float
    warm_up_s: float
    restore_s: float
    sessions: int


class Lag(BaseModel):
    """How late the server's event loop runs what is due, ms."""

    p50: float
    p99: float


class Health(BaseModel):
    """`status` is "ok" while a worker is there. `serves` names the worlds, `chunk_ms` is the
    measured time of one chunk of the first, `queue` how many wait for room."""

    status: Literal["ok", "unavailable"]
    serves: list[str]
    sessions: int
    viewers: int
    chunk_ms: float | None
    workers: list[WorkerBody]
    queue: int
    recoveries: list[RecoveryBody]
    loop_lag_ms: Lag


class ProblemBody(BaseModel):
    """RFC 9457 problem details; `code` is stable."""

    type: str
    code: str
    title: str
    status: int
    detail: str


def entry_of(info: WorldInfo) -> CatalogueEntry:
    return CatalogueEntry(
        name=info.name,
        title=info.title,
        description=info.description,
        words=list(info.words),
        width=info.width,
        height=info.height,
        controls=describe.controls(info),
        axes=describe.axes(info),
        fps=info.fps,
        sample_rate=info.sample_rate,
        chunk_frames=list(info.chunk_frames),
        prompt=info.prompt,
        prompt_length=info.prompt_length,
        image=info.image,
    )


def body_of(session: Session) -> SessionBody:
    return SessionBody(
        id=session.id,
        world=session.info.name,
        title=session.info.title,
        seed=session.origin.seed,
        prompt=session.origin.prompt,
        phase=session.phase,
        reason=session.reason,
        viewers=session.viewers,
        seats=session.participants.present,
        driver=session.participants.seats.driver is not None,
        media_time=session.media_time,
        world_frame=session.world_frame,
        play_recorded=session.rules.play_recorded,
        consent=session.rules.consent,
        whep=f"/sessions/{session.id}/whep",
        control=f"/sessions/{session.id}/control",
    )


def made_of(session: Session) -> SessionMade:
    return SessionMade(**body_of(session).model_dump())


def snapshot_body(stored: StoredSnapshot) -> SnapshotBody:
    return SnapshotBody(
        id=stored.id,
        world=stored.world,
        world_frame=stored.world_frame,
        bytes=stored.bytes,
        created=stored.created,
    )


def recording_body(recording: Recording) -> RecordingBody:
    return RecordingBody(
        video=f"/recordings/{recording.video}", log=f"/recordings/{recording.log_name}"
    )
