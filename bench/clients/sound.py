"""Sound as it arrives: Opus packets decoded one by one, and the probe's tone found in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.bench.clients.rtp import (
    SOUND_HZ,
    MediaTimes,
    Packet,
)

Samples = NDArray[np.float32]

TONE_HZ = 1000.0
TONE_LEVEL = 0.5  # amplitude in the probe world
SILENCE_S = 0.01  # at least, before what counts as an onset


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

    def __init__(self) -> None:
        self._times = MediaTimes(SOUND_HZ)
        codec = av.CodecContext.create("libopus", "r")
        codec.sample_rate = SOUND_HZ
        codec.layout = "mono"
        codec.format = "s16"
        self._codec = codec

    def __call__(self, packet: Packet) -> Sound:
        frames = self._codec.decode(av.Packet(packet.data))
        pcm = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        samples = pcm.astype(np.float32) / np.float32(2**15)
        return Sound(self._times(packet.timestamp), samples, time.monotonic())


def line_up(sounds: Sequence[Sound]) -> tuple[float, Samples]:
    """The media time of the first sample and all samples; what is missing is silent."""
    first = min(sound.media_time for sound in sounds)
    line = np.zeros(round((max(s.end for s in sounds) - first) * SOUND_HZ), np.float32)
    for sound in sounds:
        at = round((sound.media_time - first) * SOUND_HZ)
        line[at : at + len(sound.samples)] = sound.samples
    return first, line


def tone_onsets(samples: Samples) -> list[float]:
    """Seconds at which the probe's tone begins in 48 kHz sound.

    The amplitude at TONE_HZ within one period around each sample crosses half of TONE_LEVEL
    upwards after SILENCE_S below it; within a quarter of a millisecond for a clean tone.
    """
    period = round(SOUND_HZ / TONE_HZ)
    carrier = np.exp(-2j * np.pi * TONE_HZ * np.arange(len(samples)) / SOUND_HZ)
    mean = np.convolve(samples * carrier, np.full(period, 1 / period), "same")
    loud = 2 * np.abs(mean) > TONE_LEVEL / 2
    edges = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    falls = np.flatnonzero(~loud[1:] & loud[:-1]) + 1
    onsets = []
    for edge in edges:
        before = falls[falls < edge]
        if len(before) == 0 or edge - before[-1] >= SILENCE_S * SOUND_HZ:
            onsets.append(float(edge) / SOUND_HZ)
    return onsets
