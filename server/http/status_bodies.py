"""What `/readyz` and `/status.json` answer."""

from __future__ import annotations

from msgspec.structs import asdict
from pydantic import BaseModel

from lightcone.server.control.protocol import Phase
from lightcone.server.http.bodies import Lag
from lightcone.server.scheduling.degradation import LevelName
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.workers import Worker


class Readiness(BaseModel):
    """Whether a session can be made now, and if not, why."""

    ready: bool
    reason: str | None


class SessionStatus(BaseModel):
    """A session now. `world_time` is seconds since its world began. `chunk_ms` and `encode_ms` are
    medians of the recent chunks and pictures, 0 before the first; `deadline_ms` is how long a
    chunk may take. The rest counts since the session began: bytes are RTP payload to all of its
    viewers."""

    id: str
    world: str
    title: str
    phase: Phase
    viewers: int
    seats: int
    driver: bool
    world_time: float
    level: LevelName
    rate: float
    chunk_ms: float
    deadline_ms: float
    encode_ms: float
    deadline_misses: int
    held_s: float
    picture_bytes: int
    sound_bytes: int
    dropped: int


class GpuStatus(BaseModel):
    """`use` is the share of the last moment in which it was busy."""

    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    use: float


class WorkerStatus(BaseModel):
    """A worker process, `pid` null while it is started again. Busy times are milliseconds of the
    last second, `loop_lag_ms` the worst of it; `memory_bytes` is resident memory."""

    pid: int | None
    sessions: int
    step_busy_ms: float
    encode_busy_ms: float
    loop_lag_ms: float
    memory_bytes: int
    gpu: GpuStatus | None


class Totals(BaseModel):
    """Since the server began, of all sessions; `dropped` are pictures and sounds by cause."""

    sessions: int
    chunks: int
    frames: int
    deadline_misses: int
    held_s: float
    picture_bytes: int
    sound_bytes: int
    dropped: dict[str, int]
    workers_lost: int


class Status(BaseModel):
    """The server now. `time` is Unix time, `uptime_s` since the server began, `queue` how many
    wait for room, `memory_bytes` resident memory of the server process."""

    time: float
    uptime_s: float
    readiness: Readiness
    sessions: list[SessionStatus]
    workers: list[WorkerStatus]
    queue: int
    memory_bytes: int
    loop_lag_ms: Lag
    totals: Totals


def session_status(session: Session) -> SessionStatus:
    state, info, sent = session.state, session.info, session.stream.stats()
    return SessionStatus(
        id=session.id,
        world=info.name,
        title=info.title,
        phase=session.phase,
        viewers=session.viewers,
        seats=session.participants.present,
        driver=session.participants.seats.driver is not None,
        world_time=session.world_frame / info.fps,
        level=state.level_name,
        rate=state.level.rate,
        chunk_ms=state.chunk_ms,
        deadline_ms=1000 * info.chunk_seconds / state.level.rate,
        encode_ms=state.encode_ms,
        deadline_misses=state.deadline_misses,
        held_s=state.held_s,
        picture_bytes=sent.picture_bytes,
        sound_bytes=sent.sound_bytes,
        dropped=sent.dropped_slow + sent.dropped_old,
    )


def worker_status(worker: Worker) -> WorkerStatus:
    stats, gpu = worker.stats, worker.stats.gpu
    return WorkerStatus(
        pid=None if worker.host is None else worker.host.pid,
        sessions=worker.sessions.total(),
        step_busy_ms=stats.step_busy_ms,
        encode_busy_ms=stats.encode_busy_ms,
        loop_lag_ms=stats.loop_lag_ms,
        memory_bytes=stats.memory_bytes,
        gpu=None if gpu is None else GpuStatus(**asdict(gpu)),
    )
