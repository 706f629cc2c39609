"""What importers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from lightcone.model.interface import Image
from lightcone.model.recordings.media import decode_sound, to_rgb
from lightcone.model.recordings.scan import LeftOut


@dataclass(frozen=True)
class Wishes:
    """What the person who imports chooses."""

    world: str  # the name that the recorded world has
    size: tuple[int, int] | None = None  # of the pictures, as they are where None
    licence: str = ""
    consent: str = ""


@dataclass(frozen=True)
class Imported:
    episodes: int
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()  # one line each: what could not be taken over


def timed_frames(path: Path, start: float = 0.0) -> Iterator[tuple[float, Image]]:
    """(seconds since `start`, RGB) of the frames of a video from about `start` on. Raises OSError
    and av.FFmpegError."""
    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin = _begin(stream)
        if start > 0:
            assert stream.time_base is not None
            container.seek(int((origin + start) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time is not None:
                yield frame.time - origin - start, to_rgb(frame, reformatter)


def frames_at(path: Path, fps: int, start: float, count: int) -> Iterator[Image]:
    """The `count` pictures that show at `start` + i / `fps` seconds; fewer where the video ends."""
    shown: Image | None = None
    index, rounding = 0, 0.5 / max(fps, _rate(path))
    for time, picture in timed_frames(path, start):
        while index < count and shown is not None and index / fps + rounding < time:
            yield shown
            index += 1
        shown = picture
        if index >= count:
            return
    if shown is not None and index < count:
        yield shown


def _rate(path: Path) -> float:
    """Frames a second of a video, on average."""
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 0)


def seconds_of(path: Path) -> float:
    """How long a video is. Raises OSError, av.FFmpegError and IndexError."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return (container.duration or 0) / av.time_base


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) of a video."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def sound_rate(path: Path) -> int | None:
    """Samples a second of a video's sound, None without."""
    with av.open(str(path)) as container:
        streams = container.streams.audio
        return streams[0].rate if streams else None


def sound_of(path: Path, rate: int) -> NDArray[np.int16]:
    """A video's sound from its first frame on, mono at `rate`."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        late = (stream.start_time or 0) * (stream.time_base or 0)
        early = round((late - _begin(container.streams.video[0])) * rate)
        samples = decode_sound(container, stream, rate)
    return np.pad(samples, (early, 0)) if early > 0 else samples[-early:]


def _begin(stream: av.VideoStream) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))
