"""Recordings: a world's pictures and sound as an MP4 file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.streaming.errors import RecordingError
from lightcone.streaming.format import StreamFormat
from lightcone.streaming.video import PictureScaler


class Mp4Writer:
    """Writes H264 and AAC, picture and sound on one media time that begins at 0.

    A context manager. The file appears under its name only once it is whole; if the body
    raises, nothing is left behind. Raises RecordingError where the file cannot be written.
    """

    def __init__(
        self, path: Path | str, format: StreamFormat, *, scale: int = 4, crf: int = 18
    ) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self._format = format
        self._scaler = PictureScaler(format, scale)
        self._frames = 0
        self._samples = 0
        try:
            self._container = av.open(
                str(self._part), "w", format="mp4", options={"movflags": "+faststart"}
            )
        except (OSError, av.FFmpegError) as error:
            raise RecordingError(f"cannot write {self._path}: {error}") from error
        self._video = self._container.add_stream("libx264", rate=format.fps)
        self._video.width = self._scaler.width
        self._video.height = self._scaler.height
        self._video.pix_fmt = "yuv420p"
        self._video.options = {
            "preset": "fast",
            "crf": str(crf),
            "x264-params": "colormatrix=smpte170m",  # as the scaler makes it, BT.601
        }
        self._sound = self._container.add_stream("aac", rate=format.sample_rate, layout="mono")
        self._sound.bit_rate = 128_000

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._container.mux(self._video.encode(None))
                self._container.mux(self._sound.encode(None))
            self._container.close()
            if error is None:
                self._part.replace(self._path)
        except (OSError, av.FFmpegError) as failure:
            if error is None:
                raise RecordingError(f"cannot write {self._path}: {failure}") from failure
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        """Append (F, H, W, 3) RGB pictures and their (F * samples_per_frame,) samples."""
        try:
            for picture in frames:
                frame = self._scaler(picture)
                frame.pts = self._frames
                frame.time_base = Fraction(1, self._format.fps)
                self._frames += 1
                self._container.mux(self._video.encode(frame))
            self._write_sound(sound)
        except (OSError, av.FFmpegError) as error:
            raise RecordingError(f"cannot write {self._path}: {error}") from error

    def _write_sound(self, sound: NDArray[np.float32]) -> None:
        level = np.clip(sound, -1.0, 1.0).astype(np.float32)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(level, format="fltp", layout="mono")
        frame.sample_rate = self._format.sample_rate
        frame.pts = self._samples
        frame.time_base = Fraction(1, self._format.sample_rate)
        self._samples += len(sound)
        self._container.mux(self._sound.encode(frame))
