"""The fixed properties of a stream and the choices made for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightcone.streaming.viewers.sockets import Sockets

# H264 level 3.1, which answers promise (ITU-T H.264 table A-1), and the widest picture of it.
_MACROBLOCKS_A_FRAME = 3_600
_MACROBLOCKS_A_SECOND = 108_000
_WIDEST, _HIGHEST = 1_280, 720
_ENLARGED = 640  # pixels of width to which a picture is enlarged, so that 4:2:0 costs less colour
_LEAST_THIN = 72


@dataclass(frozen=True)
class StreamFormat:
    """What a session makes: pictures of `width` x `height` pixels, 1 to 120 a second, and mono
    sound of 8,000 to 48,000 samples a second, or none. Raises ValueError for anything else."""

    width: int
    height: int
    fps: int = 24
    sample_rate: int | None = 24_000

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not 1 <= self.fps <= 120:
            raise ValueError(f"not a picture format: {self}")
        if self.sample_rate is not None and not 8_000 <= self.sample_rate <= 48_000:
            raise ValueError(f"not a sample rate from 8000 to 48000 Hz: {self.sample_rate}")

    def samples(self, first_frame: int, end_frame: int) -> int:
        """Samples of the frames from `first_frame` up to, not including, `end_frame`; 0 without
        sound. Where a frame is no whole number of samples, neighbours differ by one."""
        if self.sample_rate is None:
            return 0
        return end_frame * self.sample_rate // self.fps - first_frame * self.sample_rate // self.fps

    def sent_size(self, scale: int) -> tuple[int, int]:
        """Width and height of the picture that is sent: `scale` times this one, rounded up to even
        numbers, as 4:2:0 asks for."""
        width, height = self.width * scale, self.height * scale
        return width + width % 2, height + height % 2

    def thin_size(self, scale: int) -> tuple[int, int]:
        """Width and height of the picture for thin lines: half of `sent_size`, where that leaves
        `_LEAST_THIN` lines, in even numbers."""
        width, height = self.sent_size(scale)
        if height < 2 * _LEAST_THIN:
            return width, height
        return (width + 2) // 4 * 2, (height + 2) // 4 * 2

    def fitting_scale(self, most: int | None = None) -> int:
        """The largest whole scale, `most` at most, whose pictures H264 level 3.1 can carry at this
        frame rate; 1 where none fits. By itself at most 4, and none that makes pictures wider than
        640 pixels: what is sent costs CPU by its area, and a viewer enlarges it for nothing."""
        if most is None:
            most = min(4, _ENLARGED // self.width)
        return max([1, *(scale for scale in range(1, most + 1) if self._fits(scale))])

    def _fits(self, scale: int) -> bool:
        width, height = self.sent_size(scale)
        macroblocks = -(-width // 16) * -(-height // 16)
        return (
            (width <= _WIDEST and height <= _HIGHEST)
            and macroblocks <= _MACROBLOCKS_A_FRAME
            and macroblocks * self.fps <= _MACROBLOCKS_A_SECOND
        )


@dataclass(frozen=True)
class StreamSettings:
    """How a session is sent. `scale` enlarges the picture before it is encoded; bitrates in bit/s;
    `playout_delay_ms` is the least and the greatest delay that a viewer may add to the picture
    (0 to 40950 ms in steps of 10)."""

    scale: int = 4
    video_bitrate: int = 2_000_000
    audio_bitrate: int = 64_000
    playout_delay_ms: tuple[int, int] = (0, 0)
    queue_limit: int = 8  # packets that may wait for one viewer
    keyframe_interval_s: float = 0.3  # the least time between two keyframes made on demand
    loss_interval_s: float = 1.0  # the same of those that one viewer's losses cost everybody
    loss_burst: int = 3  # that come sooner
    connect_timeout_s: float = 15.0  # a viewer that has not connected by then is let go
    consent_interval_s: float = 1.0  # between two checks that a viewer is still there
    consent_failures: int = 20  # in a row end a viewer; each takes half a second
    sockets: Sockets = field(default_factory=Sockets)

    def __post_init__(self) -> None:
        least, greatest = self.playout_delay_ms
        if not 0 <= least <= greatest <= 40_950:
            raise ValueError(f"not a playout delay: {self.playout_delay_ms}")
        if self.scale < 1 or self.video_bitrate < 1 or self.audio_bitrate < 1:
            raise ValueError(f"not usable settings: {self}")
