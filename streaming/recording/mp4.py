"""A whole MP4 file of pictures and sound, encoded here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from lightcone.streaming.encoding.video import PictureScaler
from lightcone.streaming.errors import RecordingError
from lightcone.streaming.format import StreamFormat

# That AAC has (ISO/IEC 14496-3 table 1.18), up to 48 kHz; other sound is resampled to 48 kHz.
_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class Mp4Writer:
    """Writes H264 and, where the format has sound, AAC, on one media time that begins at 0.

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
        self._sound: AudioStream | None = None
        if format.sample_rate is not None:
            rate = format.sample_rate if format.sample_rate in _AAC_RATES else 48_000
            self._sound = self._container.add_stream("aac", rate=rate, layout="mono")
            self._sound.bit_rate = 128_000
            self._resampler = AudioResampler(format="fltp", layout="mono", rate=rate)

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
                if self._sound is not None:
                    for frame in self._resampler.resample(None):
                        self._container.mux(self._sound.encode(frame))
                    self._container.mux(self._sound.encode(None))
            self._container.close()
            if error is None:
                self._part.replace(self._path)
        except (OSError, av.FFmpegError) as failure:
            if error is None:
                raise RecordingError(f"cannot write {self._path}: {failure}") from failure
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None = None) -> None:
        """Append (F, H, W, 3) RGB pictures and their (samples,) of sound, if the format has it."""
        try:
            for picture in frames:
                frame = self._scaler(picture)
                frame.pts = self._frames
                frame.time_base = Fraction(1, self._format.fps)
                self._frames += 1
                self._container.mux(self._video.encode(frame))
            if sound is not None and self._sound is not None:
                self._write_sound(self._sound, sound)
        except (OSError, av.FFmpegError) as error:
            raise RecordingError(f"cannot write {self._path}: {error}") from error

    def _write_sound(self, stream: AudioStream, sound: NDArray[np.float32]) -> None:
        rate = self._format.sample_rate
        assert rate is not None
        level = np.clip(sound, -1.0, 1.0).astype(np.float32)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(level, format="fltp", layout="mono")
        frame.sample_rate = rate
        frame.pts = self._samples
        frame.time_base = Fraction(1, rate)
        self._samples += len(sound)
        for ready in self._resampler.resample(frame):
            self._container.mux(stream.encode(ready))
