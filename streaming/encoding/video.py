"""Pictures: RGB frames in, H264 or VP8 out, one encoder for each session and codec."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from lightcone.streaming.format import StreamFormat
from lightcone.streaming.packets import VIDEO_CLOCK_HZ, VideoCodec

Picture = NDArray[np.uint8]

KEYFRAME_DISTANCE = 3000  # frames: in effect, keyframes come only on demand


class PictureScaler:
    """Scales a picture and turns it into the 4:2:0 that encoders take (BT.601, limited range)."""

    def __init__(self, format: StreamFormat, scale: int, *, thin: bool = False) -> None:
        size = format.thin_size(scale) if thin else format.sent_size(scale)
        self.width, self.height = size
        self._reformatter = VideoReformatter()

    def __call__(self, picture: Picture) -> av.VideoFrame:
        """(H, W, 3) RGB -> a yuv420p frame of `width` x `height`."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        return self._reformatter.reformat(
            frame,
            width=self.width,
            height=self.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )


class VideoEncoder:
    """One encoder without look-ahead: every frame given comes out at once.

    Presentation times are unwrapped RTP timestamps (90 kHz) and must grow.
    """

    def __init__(self, codec: VideoCodec, width: int, height: int, fps: int, bitrate: int) -> None:
        self._highest = bitrate  # its buffer (VBV) stays as it was opened
        self._codec = codec
        context = av.CodecContext.create(_LIBRARY[codec], "w")
        assert isinstance(context, VideoCodecContext)
        context.width = width
        context.height = height
        context.pix_fmt = "yuv420p"
        context.bit_rate = bitrate
        context.framerate = Fraction(fps)
        context.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        context.gop_size = KEYFRAME_DISTANCE
        context.thread_count = 1
        if codec is VideoCodec.H264:
            context.profile = "Baseline"  # x264 writes it as constrained baseline, 42c0xx
        else:
            context.qmin, context.qmax = 2, 56
        context.options = _OPTIONS[codec](bitrate)
        self._context = context

    @property
    def bitrate(self) -> int:
        return self._context.bit_rate or 0

    def change(self, bitrate: int) -> bool:
        """Whether it has this bitrate from the next picture on, without a keyframe. x264 can have
        another one, if that suits the buffer that it was opened with."""
        suits = self._highest / 2 <= bitrate <= self._highest
        if self._codec is VideoCodec.H264 and suits:
            self._context.bit_rate = bitrate
        return self.bitrate == bitrate

    def encode(self, frame: av.VideoFrame, pts: int, keyframe: bool) -> av.Packet[Any]:
        """The encoded frame, stamped with `pts`; it is a keyframe at least where asked for."""
        frame.pts = pts
        frame.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        (packet,) = self._context.encode(frame)
        return packet


def _x264_options(bitrate: int) -> dict[str, str]:
    return {
        "preset": "superfast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 6),
        "x264-params": "scenecut=0:sliced-threads=0:colormatrix=smpte170m",
    }


def _vpx_options(bitrate: int) -> dict[str, str]:
    # minrate = maxrate = bitrate asks libvpx for a constant bitrate.
    return {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 6),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "static-thresh": "1",
    }


_LIBRARY = {VideoCodec.H264: "libx264", VideoCodec.VP8: "libvpx"}
_OPTIONS = {VideoCodec.H264: _x264_options, VideoCodec.VP8: _vpx_options}
