"""The fixed facts of a stream and the choices made for it."""

from __future__ import annotations

from dataclasses import dataclass

VIDEO_CLOCK_HZ = 90_000  # RTP clock of H264 and VP8 (RFC 6184 section 8.2.1, RFC 7741 section 6.1)
SOUND_CLOCK_HZ = 48_000  # RTP clock of Opus, whatever it was encoded from (RFC 7587 section 4.1)


@dataclass(frozen=True)
class StreamFormat:
    """What a world makes: pictures of `width` x `height` pixels, mono sound."""

    width: int
    height: int
    fps: int = 24
    sample_rate: int = 24_000

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or self.fps < 1:
            raise ValueError(f"not a picture format: {self}")
        if self.sample_rate % self.fps or SOUND_CLOCK_HZ % self.sample_rate:
            raise ValueError(
                f"{self.sample_rate} Hz neither fits {self.fps} fps nor divides 48 kHz"
            )

    @property
    def samples_per_frame(self) -> int:
        return self.sample_rate // self.fps


@dataclass(frozen=True)
class StreamSettings:
    """How a world is sent. `scale` enlarges the picture before it is encoded; bitrates in bit/s;
    `playout_delay_ms` is the least and the greatest delay that a viewer may add to the picture
    (0 to 40950 ms in steps of 10)."""

    scale: int = 4
    video_bitrate: int = 2_000_000
    audio_bitrate: int = 64_000
    playout_delay_ms: tuple[int, int] = (0, 0)
    queue_limit: int = 8  # packets that may wait for one viewer
    keyframe_interval_s: float = 0.3  # the least time between two keyframes made on demand
    connect_timeout_s: float = 15.0  # a viewer that has not connected by then is let go
    consent_interval_s: float = 1.0  # between two checks that a viewer is still there
    consent_failures: int = 3  # failed checks in a row that end a session

    def __post_init__(self) -> None:
        least, greatest = self.playout_delay_ms
        if not 0 <= least <= greatest <= 40_950:
            raise ValueError(f"not a playout delay: {self.playout_delay_ms}")
        if self.scale < 1 or self.video_bitrate < 1 or self.audio_bitrate < 1:
            raise ValueError(f"not usable settings: {self}")
