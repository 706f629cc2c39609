"""One lane out of a session: its encoder, and when that must make a keyframe."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median

import av
import numpy as np

from lightcone.streaming.encoding.keyframes import KeyframeGate
from lightcone.streaming.encoding.video import Picture, PictureScaler, VideoEncoder
from lightcone.streaming.format import StreamFormat, StreamSettings
from lightcone.streaming.packets import VIDEO_CLOCK_HZ, VideoCodec


@dataclass
class Shown:
    """The picture that viewers see now, kept for those who join. It is scaled by the first lane
    of a size that encodes it."""

    picture: Picture
    stream_frame: int
    pts: int
    ntp: int
    scaled: dict[tuple[int, int], av.VideoFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """What a lane made of a picture, and how long it took."""

    data: bytes
    keyframe: bool
    took_s: float


class LaneEncoder:
    """Encodes the pictures of one lane, in the encoding thread alone. The encoder is opened with
    the first picture, and anew where it can not take another bitrate as it is: both make a
    keyframe."""

    def __init__(self, codec: VideoCodec, fps: int, scaler: PictureScaler) -> None:
        self._codec = codec
        self._fps = fps
        self._scaler = scaler
        self._encoder: VideoEncoder | None = None

    def encode(self, shown: Shown, pts: int, keyframe: bool, bitrate: int) -> Encoded:
        began = time.perf_counter()
        size = self._scaler.width, self._scaler.height
        if size not in shown.scaled:
            shown.scaled[size] = self._scaler(shown.picture)
        encoder = self._encoder
        if encoder is None or not encoder.change(bitrate):
            encoder = self._encoder = VideoEncoder(self._codec, *size, self._fps, bitrate)
        try:
            packet = encoder.encode(shown.scaled[size], pts, keyframe)
        except av.FFmpegError:
            self._encoder = None  # its next picture would refer to one that nobody got
            raise
        return Encoded(bytes(packet), bool(packet.is_keyframe), time.perf_counter() - began)


@dataclass
class LaneState:
    """The part of a lane that the event loop sees. `bitrate` is bits a second."""

    encoder: LaneEncoder
    bitrate: int
    gate: KeyframeGate
    stale: bool = True  # the picture that is shown now has not been encoded
    busy: bool = False  # an encode is under way


def measure_encoding(format: StreamFormat, settings: StreamSettings, pictures: int = 8) -> float:
    """Median milliseconds of enlarging and encoding a textured picture that moves, as H264: time
    of the CPU, whoever else it works for. Takes `pictures` times as long; to be called in the
    encoding thread."""
    lane = LaneEncoder(VideoCodec.H264, format.fps, PictureScaler(format, settings.scale))
    cells = np.random.default_rng(0).integers(0, 256, (format.height // 8 + 1, format.width, 3))
    texture = np.repeat(cells.astype(np.uint8), 8, axis=0)[: format.height]
    took = []
    for index in range(pictures + 1):
        pts = index * VIDEO_CLOCK_HZ // format.fps
        shown = Shown(np.roll(texture, 2 * index, axis=1), index, pts, 0)
        began = time.thread_time()
        lane.encode(shown, pts, False, settings.video_bitrate)
        took.append(time.thread_time() - began)
    return 1000 * median(took[1:])  # the first opens the encoder
