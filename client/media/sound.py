"""Sound as it arrives: Opus packets decoded one by one, and the line of samples that they make."""

from __future__ import annotations

import time
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.client.media.rtp import SOUND_HZ, MediaTimes, Packet

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """The samples (n,) of one packet, 48 kHz mono, from `media_time` on. `ready` is the moment
    of the monotonic clock at which they had been decoded."""

    media_time: float
    samples: Samples
    ready: float

    @property
    def end(self) -> float:
        return self.media_time + len(self.samples) / SOUND_HZ


class SoundDecoder:
    """Decodes each packet at once, without a jitter buffer."""

    def __init__(self, near: float = 0.0) -> None:
        """`near` as in `MediaTimes`."""
        self._times = MediaTimes(SOUND_HZ, near)
        codec = av.CodecContext.create("libopus", "r")
        codec.sample_rate = SOUND_HZ
        codec.layout = "mono"
        codec.format = "s16"
        self._codec = codec

    def __call__(self, packet: Packet) -> Sound:
        """Raises av.FFmpegError for what is no Opus packet (RFC 6716)."""
        frames = self._codec.decode(av.Packet(packet.data))
        pcm = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        samples = pcm.astype(np.float32) / np.float32(2**15)
        return Sound(self._times(packet.timestamp), samples, time.monotonic())


class SoundLine:
    """The newest `seconds` of sound at 48 kHz by media time; what has not come is silent."""

    def __init__(self, seconds: float) -> None:
        self._size = round(seconds * SOUND_HZ)
        self._samples = np.zeros(self._size, np.float32)
        self._end = 0  # index of the sample after the newest

    @property
    def end(self) -> float:
        """The media time up to which it has come."""
        return self._end / SOUND_HZ

    def add(self, sound: Sound) -> None:
        first = round(sound.media_time * SOUND_HZ)
        after = first + len(sound.samples)
        if after > self._end:
            gap = min(after - self._end, self._size)
            self._put(after - gap, np.zeros(gap, np.float32))
            self._end = after
        first, kept = self._not_older(first, sound.samples)
        self._put(first, kept)

    def read(self, start: float, rate: int, count: int) -> Samples:
        """`count` samples (count,) at `rate` Hz from media time `start` on, each interpolated
        between the two nearest. Sound that was sampled at no more than `rate` has nothing that
        could alias."""
        at = (start + np.arange(count) / rate) * SOUND_HZ
        first = int(np.floor(at[0])) if count else 0
        grid = np.arange(first, int(np.ceil(at[-1])) + 1) if count else np.arange(0)
        known = (grid >= max(self._end - self._size, 0)) & (grid < self._end)
        samples = np.where(known, self._samples[grid % self._size], np.float32(0))
        return np.interp(at, grid, samples).astype(np.float32) if count else samples

    def _not_older(self, first: int, samples: Samples) -> tuple[int, Samples]:
        """What of it is within the newest `seconds`."""
        past = max(self._end - self._size - first, 0)
        return first + past, samples[past:]

    def _put(self, first: int, samples: Samples) -> None:
        self._samples[np.arange(first, first + len(samples)) % self._size] = samples
