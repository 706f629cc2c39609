"""`lightcone generate`: a world into an MP4 file, in this process, without a server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lightcone.model.catalogue import open_world
from lightcone.model.interface import (
    FPS,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    Actions,
    Chunk,
    PromptError,
    World,
    WorldInfo,
)
from lightcone.server.cli.actions_file import (
    ActionsFileError,
    Timeline,
    read_actions,
)
from lightcone.server.cli.weights import check_world
from lightcone.server.errors import LightconeError
from lightcone.server.http.image import (
    BadImage,
    decode,
)
from lightcone.streaming import (
    Mp4Writer,
    RecordingError,
    StreamFormat,
)


class OutputError(LightconeError):
    """The file can not be written."""


class BadLength(LightconeError):
    """Not a length that can be generated."""


@dataclass(frozen=True)
class Job:
    """One file to generate; `seconds` of media time are rounded up to whole frames."""

    out: Path
    world: str
    seed: int
    seconds: float
    actions: Path | None
    prompt: str
    image: Path | None
    weights: Path
    steps: int
    device: str
    scale: int


def generate(job: Job) -> None:
    """Write `job.out`, whole or not at all, with a progress bar on stderr.

    Raises ModelError and LightconeError; what is quickest to find out comes first.
    """
    if not 0 < job.seconds < math.inf:
        raise BadLength(f"seconds must be more than 0 and finite, not {job.seconds:g}")
    if not job.out.parent.is_dir():
        raise OutputError(f"can not write {job.out}: no such folder")
    if job.out.is_dir():
        raise OutputError(f"can not write {job.out}: it is a folder")
    check_world(job.world, job.weights)
    world = open_world(job.world, weights=job.weights, steps=job.steps, device=job.device)
    timeline = Timeline()
    if job.actions is not None:
        timeline = read_actions(job.actions, world.info)
    image = None if job.image is None else read_image(job.image, world.info)
    write(world, job, timeline, image)


def read_image(path: Path, info: WorldInfo) -> NDArray[np.uint8]:
    """A PNG or JPEG file in the size of a world. Raises BadImage, which names the file."""
    try:
        return decode(path.read_bytes(), info.width, info.height)
    except OSError as error:
        raise BadImage(f"{path}: {error.strerror or error}") from error
    except BadImage as error:
        raise BadImage(f"{path}: {error}") from error


def write(
    world: World, job: Job, timeline: Timeline, image: NDArray[np.uint8] | None = None
) -> None:
    """Write `job.out` with an open world and these actions. Raises PromptError, ActionsFileError
    and OutputError; whatever is raised, nothing of the file is left and an older one of its name
    stays."""
    info = world.info
    state = world.start(job.seed, job.prompt, image)
    _check_prompts(world, state, job, timeline)
    frames = math.ceil(round(job.seconds * FPS, 6))
    format = StreamFormat(info.width, info.height, FPS, SAMPLE_RATE)
    try:
        with (
            Mp4Writer(job.out, format, scale=job.scale) as writer,
            tqdm(total=frames, unit="frame", desc=info.name) as bar,
        ):
            for chunk in _chunks(world, state, timeline, frames):
                left = min(frames - bar.n, info.frames_per_chunk)
                writer.write(chunk.frames[:left], chunk.sound[: left * SAMPLES_PER_FRAME])
                bar.update(left)
    except RecordingError as error:
        raise OutputError(str(error)) from error


def _check_prompts(world: World, state: Any, job: Job, timeline: Timeline) -> None:
    """That the world, once begun, can follow them, found out before the first is due. Raises
    ActionsFileError."""
    for line in timeline.lines:
        if line.prompt is not None and job.actions is not None:
            try:
                world.prompt(state, line.prompt.text, "cut", 1)
            except PromptError as error:
                raise ActionsFileError(job.actions, line.number, str(error)) from error


def _chunks(world: World, state: Any, timeline: Timeline, frames: int) -> Iterator[Chunk]:
    """Enough chunks for `frames`, from `state` on."""
    told = 0
    for first in range(0, frames, world.info.frames_per_chunk):
        due = timeline.prompts_until(first, FPS)
        for line in due[told:]:
            state, _ = world.prompt(state, line.text, line.how, line.chunks)
        told = len(due)
        [state], [chunk] = world.step([state], [actions_at(timeline, first, world.info)])
        yield chunk


def actions_at(timeline: Timeline, first_frame: int, info: WorldInfo) -> Actions:
    """The actions of the chunk that begins with this frame, frame by frame."""
    frames = range(first_frame, first_frame + info.frames_per_chunk)
    rows = [
        info.actions(sorted(timeline.held(frame, FPS)), timeline.axes(frame, FPS))[0]
        for frame in frames
    ]
    return np.stack(rows)
