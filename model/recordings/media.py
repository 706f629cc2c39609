"""Pictures and sound of an episode, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image as Pillow

from lightcone.model.interface import Image

# Measured on 320x240 Doom: 4:4:4 42.5 dB and 36 MB a minute of 35 frames a second; 4:2:0 never
# passes 38.6 dB. "fast" gives 44 dB at a third of the speed, CRF 4 44.8 dB and 50 MB.
OPTIONS = {"crf": "8", "preset": "veryfast"}
KEYFRAME_SECONDS = 1  # so that reading from anywhere decodes little that nobody asked for
FULL_SCALE = 32768  # of 16 bits


@cache
def _same_everywhere() -> dict[str, str]:
    """x264 by AVX-512 reads memory that nobody has set: it encodes the same pictures differently
    from one process to the next. By AVX2 it does not."""
    cpuinfo = Path("/proc/cpuinfo")
    found = cpuinfo.exists() and " avx512f " in cpuinfo.read_text()
    return {"x264-params": "asm=avx2"} if found else {}


class PictureWriter:
    """Raises OSError and av.FFmpegError."""

    def __init__(self, path: Path, width: int, height: int, fps: int) -> None:
        self._container = av.open(str(path), "w", format="mp4")
        stream = self._stream = self._container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.options = {**OPTIONS, **_same_everywhere(), "g": str(KEYFRAME_SECONDS * fps)}
        stream.codec_context.thread_count = 1  # many episodes are written at a time
        stream.codec_context.colorspace = Colorspace.ITU601
        stream.codec_context.color_range = ColorRange.JPEG
        self._reformatter = VideoReformatter()
        self._time_base = Fraction(1, fps)
        self._frames = 0

    def write(self, picture: Image) -> None:
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame = self._reformatter.reformat(
            frame, format="yuv444p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG,
        )  # fmt: skip
        frame.pts, frame.time_base = self._frames, self._time_base
        self._container.mux(self._stream.encode(frame))
        self._frames += 1

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close without an error, whatever is missing then."""
        _abandon(self._container)


class SoundWriter:
    """Raises OSError and av.FFmpegError."""

    def __init__(self, path: Path, rate: int) -> None:
        self._container = av.open(str(path), "w", format="flac")
        self._stream = self._container.add_stream("flac", rate=rate)
        self._stream.layout, self._stream.format = "mono", "s16"
        self._rate = rate
        self._samples = 0

    def write(self, sound: NDArray[np.int16]) -> None:
        """Samples (N,)."""
        if not len(sound):
            return
        frame = av.AudioFrame.from_ndarray(sound[None], "s16", "mono")
        frame.sample_rate, frame.pts = self._rate, self._samples
        frame.time_base = Fraction(1, self._rate)
        self._container.mux(self._stream.encode(frame))
        self._samples += len(sound)

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        _abandon(self._container)


def read_pictures(path: Path, fps: int, start: int, stop: int) -> Iterator[Image]:
    """The frames from `start` up to `stop`, one after the other, as RGB (H, W, 3). Fewer where the
    file ends. Raises OSError and av.FFmpegError."""
    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if start:
            assert stream.time_base is not None
            container.seek(round(Fraction(start, fps) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            index = round(frame.pts * frame.time_base * fps)
            if index >= stop:
                return
            if index >= start:
                yield to_rgb(frame, reformatter)


def to_rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> Image:
    """(H, W, 3), by the colour space and range that the frame names."""
    rgb = reformatter.reformat(frame, format="rgb24", dst_color_range=ColorRange.JPEG)
    return np.asarray(rgb.to_ndarray(), np.uint8)


def read_sound(path: Path) -> NDArray[np.int16]:
    """All samples (N,), mono. Raises OSError and av.FFmpegError."""
    with av.open(str(path)) as container:
        return decode_sound(container, container.streams.audio[0])


def decode_sound(
    container: av.container.InputContainer, stream: AudioStream, rate: int | None = None
) -> NDArray[np.int16]:
    """A stream as mono samples (N,) of 16 bits, at its own rate or another."""
    resampler = av.AudioResampler("s16", "mono", rate or stream.rate)
    parts = [
        part.to_ndarray()[0]
        for frame in (*container.decode(stream), None)
        for part in resampler.resample(frame)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def video_stream(container: av.container.InputContainer) -> VideoStream | None:
    return next(iter(container.streams.video), None)


def to_16_bits(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    """Exact for samples that were of 16 bits before."""
    return np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_16_bits(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    return sound.astype(np.float32) / np.float32(FULL_SCALE)


def scaled(picture: Image, width: int, height: int) -> Image:
    """The picture at another size, each pixel the average of the area it covers."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Pillow.fromarray(picture).resize((width, height), Pillow.Resampling.BOX))


def _abandon(container: av.container.OutputContainer) -> None:
    with suppress(OSError, av.FFmpegError):
        container.close()
