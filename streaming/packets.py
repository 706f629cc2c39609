"""What crosses from the encoders to the viewers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

VIDEO_CLOCK_HZ = 90_000  # RTP clock of H264 and VP8 (RFC 6184 section 8.2.1, RFC 7741 section 6.1)
SOUND_CLOCK_HZ = 48_000  # RTP clock of Opus, whatever it was encoded from (RFC 7587 section 4.1)
SAMPLES_PER_PACKET = 960  # 20 ms of Opus
THIN = "-thin"


class VideoCodec(Enum):
    """What a viewer may be sent; the values are the names used in SDP."""

    H264 = "H264"
    VP8 = "VP8"


class Lane(Enum):
    """One encode of a session. Each codec has two at most: the full one, and the thin one for
    viewers whose line does not carry that. The values are names for other processes and metrics."""

    H264 = "H264"
    VP8 = "VP8"
    H264_THIN = "H264-thin"
    VP8_THIN = "VP8-thin"

    @classmethod
    def of(cls, codec: VideoCodec, thin: bool) -> Lane:
        return cls(codec.value + THIN * thin)

    @property
    def codec(self) -> VideoCodec:
        return VideoCodec(self.value.removesuffix(THIN))

    @property
    def thin(self) -> bool:
        return self.value.endswith(THIN)


@dataclass(frozen=True)
class EncodedPicture:
    """One encoded picture.

    `pts` is media time in 1/90000 s, not wrapped; pictures of one lane have growing `pts`.
    `ntp` is the wall-clock time at which that moment of media time is due (RFC 5905, 32.32).
    `encode_s` is what encoding it took, seconds.
    """

    lane: Lane
    data: bytes
    pts: int
    ntp: int
    keyframe: bool
    stream_frame: int
    encode_s: float = 0.0


@dataclass(frozen=True)
class EncodedSound:
    """20 ms of Opus, mono. `pts` is media time in 1/48000 s, not wrapped, a multiple of 960; `ntp`
    as of a picture."""

    data: bytes
    pts: int
    ntp: int


EncodedPacket = EncodedPicture | EncodedSound
