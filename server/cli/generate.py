"""`lightcone generate`: a world into an MP4 file, in this process, without a server."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR, ModelSettings, open_model, world_info
from lightcone.model.interface import (
    Actions,
    Chunk,
    Image,
    Model,
    PromptError,
    Snapshot,
    SnapshotError,
    WorldInfo,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.model.runtime.threads import threads_used
from lightcone.server.cli.actions_file import (
    ActionsFileError,
    NewPrompt,
    Timeline,
    read_actions,
)
from lightcone.server.cli.weights import first_world
from lightcone.server.errors import LightconeError
from lightcone.server.pictures.errors import BadImage
from lightcone.server.pictures.own import decode_own
from lightcone.server.sessions.action_log import (
    LogStart,
    LogWriter,
    Shape,
    control_names,
    encode_png,
)
from lightcone.streaming import Mp4Writer, RecordingError, StreamFormat


class OutputError(LightconeError):
    """A file can not be written."""


class BadJob(LightconeError):
    """Not something that can be generated."""


@dataclass(frozen=True)
class Job:
    """One file to generate; `seconds` of world time are rounded up to whole frames. A session that
    starts from a `snapshot` takes its world, prompt and image from there. With `log`, its action
    log is written, too."""

    out: Path
    world: str | None = None
    seed: int = 0
    seconds: float = 10.0
    actions: Path | None = None
    prompt: str = ""
    image: Path | None = None
    weights: Path = WEIGHTS_DIR
    steps: int | None = None  # the family's own
    device: str = "cpu"
    action_guidance: float = 1.0
    scale: int | None = None
    snapshot: Path | None = None
    log: Path | None = None


@dataclass(frozen=True)
class Beginning:
    """What a session starts from."""

    world: str
    seed: int
    prompt: str = ""
    image: Image | None = None
    snapshot: Snapshot | None = None

    def state(self, model: Model) -> Any:
        """Raises PromptError, ImageError and SnapshotError."""
        if self.snapshot is not None:
            return model.restore(self.snapshot)
        conditioning = model.prepare(self.world, self.prompt, self.image)
        return model.start(self.world, self.seed, conditioning)

    def logged(self, model: Model, frame: int) -> LogStart:
        info = model.worlds[self.world]
        return LogStart(
            world=self.world,
            seed=self.seed,
            fingerprint=model.fingerprint,
            fps=info.fps,
            controls=control_names(info),
            prompt=self.prompt,
            image=None if self.image is None else encode_png(self.image),
            snapshot=None if self.snapshot is None else pack(self.snapshot),
            frame=frame,
            steps=model.steps[0],
            threads=threads_used(),
        )


def generate(job: Job) -> None:
    """Write `job.out`, whole or not at all, with a progress bar on stderr.

    Raises ModelError and LightconeError; what is quickest to find out comes first.
    """
    if not 0 < job.seconds < math.inf:
        raise BadJob(f"seconds must be more than 0 and finite, not {job.seconds:g}")
    for path in (job.out, job.log):
        if path is not None:
            _check_writable(path)
    snapshot = None if job.snapshot is None else _read_snapshot(job)
    world = job.world or (first_world(job.weights) if snapshot is None else snapshot.world)
    info = world_info(world, job.weights)
    timeline = Timeline() if job.actions is None else read_actions(job.actions, info)
    image = None if job.image is None else read_image(job.image, info)
    beginning = Beginning(world, job.seed, job.prompt, image, snapshot)
    # a probe that computes nothing is as quick as it goes
    settings = ModelSettings(
        job.weights, job.steps, job.device, job.action_guidance, probe_compute_ms=0
    )
    with contextlib.closing(open_model((world,), settings)) as model:
        write(model, beginning, job, timeline)


def read_image(path: Path, info: WorldInfo) -> Image:
    """A PNG or JPEG file in the size of a world. Raises BadImage, which names the file."""
    try:
        return decode_own(path.read_bytes(), info.width, info.height)
    except OSError as error:
        raise BadImage(f"{path}: {error.strerror or error}") from error
    except BadImage as error:
        raise BadImage(f"{path}: {error}") from error


def write(model: Model, beginning: Beginning, job: Job, timeline: Timeline) -> None:
    """Write `job.out` and `job.log` with an open model and these actions. Raises PromptError,
    ImageError, SnapshotError, ActionsFileError and OutputError; whatever is raised, nothing of the
    files is left and older ones of their names stay."""
    info = model.worlds[beginning.world]
    state = beginning.state(model)
    start = state.frame
    prompts = _prepared(model, beginning.world, job, timeline)
    frames = math.ceil(round(job.seconds * info.fps, 6))
    format = StreamFormat(info.width, info.height, info.fps, info.sample_rate)
    scale = job.scale or format.fitting_scale()
    try:
        with (
            _log(job.log, beginning.logged(model, start)) as log,
            Mp4Writer(job.out, format, scale=scale) as writer,
            tqdm(total=frames, unit="frame", desc=info.name) as bar,
        ):
            for chunk in _chunks(model, state, timeline, prompts, frames, log):
                left = min(start + frames - chunk.first_frame, len(chunk.frames))
                sound = None
                if chunk.sound is not None:
                    sound = chunk.sound[: info.samples(chunk.first_frame, left)]
                writer.write(chunk.frames[:left], sound)
                bar.update(left)
    except (RecordingError, OSError) as error:
        raise OutputError(str(error)) from error


def _check_writable(path: Path) -> None:
    """Raises OutputError."""
    if not path.parent.is_dir():
        raise OutputError(f"can not write {path}: no such folder")
    if path.is_dir():
        raise OutputError(f"can not write {path}: it is a folder")


def _read_snapshot(job: Job) -> Snapshot:
    """Raises SnapshotError, which names the file, and BadJob."""
    assert job.snapshot is not None
    if job.prompt or job.image is not None:
        raise BadJob("a snapshot has its prompt and image already; actions may hold other prompts")
    try:
        snapshot = unpack(job.snapshot.read_bytes())
    except OSError as error:
        raise SnapshotError(f"{job.snapshot}: {error.strerror or error}") from error
    except SnapshotError as error:
        raise SnapshotError(f"{job.snapshot}: {error}") from error
    if job.world not in (None, snapshot.world):
        raise SnapshotError(f"{job.snapshot}: a snapshot of {snapshot.world}, not of {job.world}")
    return snapshot


def _prepared(
    model: Model, world: str, job: Job, timeline: Timeline
) -> list[tuple[NewPrompt, Any]]:
    """All prompts of the actions with their conditioning, in order, so that a wrong one is found
    before the first is due. Raises ActionsFileError."""
    prepared = []
    for line in timeline.lines:
        if line.prompt is not None:
            try:
                conditioning = model.prepare(world, line.prompt.text, running=True)
            except PromptError as error:
                raise ActionsFileError(job.actions or Path(), line.number, str(error)) from error
            prepared.append((line.prompt, conditioning))
    return prepared


def _chunks(
    model: Model,
    state: Any,
    timeline: Timeline,
    prompts: list[tuple[NewPrompt, Any]],
    frames: int,
    log: LogWriter | None,
) -> Iterator[Chunk]:
    """Enough chunks for `frames`, from `state` on. Time in the actions begins with `state`."""
    info = model.worlds[state.world]
    start, given = state.frame, 0
    while (first := state.frame - start) < frames:
        due = len(timeline.prompts_until(first, info.fps))
        for prompt, conditioning in prompts[given:due]:
            state, _ = model.apply(state, conditioning, prompt.how, prompt.chunks)
            if log is not None:
                log.prompt(state.frame, prompt.text, prompt.how, prompt.chunks)
        given = due
        actions = actions_at(timeline, first, info.frames_of(state.chunk), info)
        [after], [chunk] = collect(model, [state], [actions])
        if log is not None:
            shape = Shape(batch=1, row=0, threads=threads_used(), steps=model.steps[0])
            log.chunk(state.frame, actions, shape, model.digest(after))
        state = after
        yield chunk
    model.release(state)


def actions_at(timeline: Timeline, first: int, frames: int, info: WorldInfo) -> Actions:
    """The actions of a chunk that begins with frame `first` of the timeline, frame by frame."""
    rows = [
        info.actions(sorted(timeline.held(frame, info.fps)), timeline.axes(frame, info.fps), 1)
        for frame in range(first, first + frames)
    ]
    return np.concatenate(rows)


@contextlib.contextmanager
def _log(path: Path | None, start: LogStart) -> Iterator[LogWriter | None]:
    """A log that appears under its name once it is whole."""
    if path is None:
        yield None
        return
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            writer = LogWriter(file, start)
            yield writer
            writer.end()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
