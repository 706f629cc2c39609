"""Sound: 24 kHz samples of a world in, exact 20 ms Opus packets on the media clock out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.streaming.format import SOUND_CLOCK_HZ

SAMPLES_PER_PACKET = 960
PACKET_S = SAMPLES_PER_PACKET / SOUND_CLOCK_HZ

Samples = NDArray[np.float32]


class Upsampler:
    """Raises the sample rate by a whole `factor`, without delay and without seams.

    A Kaiser-windowed sinc of `reach` input samples to each side. What was pushed before is
    kept in `_tail`, so the output does not depend on how the input was cut; the newest `reach`
    samples wait for their right-hand neighbours. Output sample i * factor is input sample i.
    """

    def __init__(self, factor: int, reach: int = 16) -> None:
        self.factor = factor
        self.lookahead = reach if factor > 1 else 0
        self._tail: Samples = np.zeros(max(self.lookahead - 1, 0), np.float32)
        self._phases = [_interpolator(p / factor, reach) for p in range(1, factor)]

    def push(self, samples: Samples) -> Samples:
        """(n,) samples at the input rate -> as many at the output rate as are complete."""
        if self.factor == 1:
            return samples.astype(np.float32)
        line = np.concatenate([self._tail, samples.astype(np.float32)])
        whole = len(line) - 2 * self.lookahead + 1
        self._tail = line[max(whole, 0) :]
        if whole <= 0:
            return np.zeros(0, np.float32)
        out = np.empty((whole, self.factor), np.float32)
        out[:, 0] = line[self.lookahead - 1 : self.lookahead - 1 + whole]
        for p, taps in enumerate(self._phases, start=1):
            out[:, p] = np.correlate(line, taps, "valid")
        return out.reshape(-1)


def _interpolator(shift: float, reach: int, beta: float = 7.0) -> Samples:
    """(2 * reach,) taps for the value `shift` samples after the reach-th of 2 * reach samples."""
    offsets = np.arange(1 - reach, reach + 1) - shift
    taps = np.sinc(offsets) * np.i0(beta * np.sqrt(1 - (offsets / reach) ** 2))
    scaled: Samples = (taps / taps.sum()).astype(np.float32)
    return scaled


@dataclass(frozen=True)
class SoundPacket:
    """20 ms of Opus: what a decoder makes of it begins at media sample `first_sample` (48 kHz)."""

    first_sample: int
    data: bytes

    @property
    def media_time(self) -> float:
        return self.first_sample / SOUND_CLOCK_HZ


class OpusEncoder:
    """Mono Opus in packets of exactly 960 samples whose decoded sound lies on the media clock.

    A decoder gives every sample back `LOOKAHEAD` late, so the encoder is fed that much ahead:
    the sound of media time t comes out of the packet whose timestamp covers t. Restricted
    low-delay mode (RFC 6716 section 2.1.8 and RFC 7587) keeps the look-ahead at 2.5 ms.
    """

    LOOKAHEAD = 120  # samples at 48 kHz

    def __init__(self, sample_rate: int, bitrate: int, start: int = 0) -> None:
        self._upsampler = Upsampler(SOUND_CLOCK_HZ // sample_rate)
        self._pending: Samples = np.zeros(0, np.float32)
        self._drop = self.LOOKAHEAD
        self._first_sample = start * self._upsampler.factor
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate = SOUND_CLOCK_HZ
        codec.layout = "mono"
        codec.format = "flt"
        codec.bit_rate = bitrate
        codec.time_base = Fraction(1, SOUND_CLOCK_HZ)
        codec.options = {"application": "lowdelay", "frame_duration": "20", "vbr": "on"}
        self._codec = codec

    @property
    def delay_s(self) -> float:
        """How much later than a packet's last sample the packet can be made, in seconds."""
        return (self._upsampler.factor * self._upsampler.lookahead + self.LOOKAHEAD) / (
            SOUND_CLOCK_HZ
        )

    def push(self, sound: Samples) -> list[SoundPacket]:
        """(n,) samples at the world's rate, within [-1, 1], that follow the last ones."""
        line = np.concatenate([self._pending, self._upsampler.push(sound)])
        skipped = min(self._drop, len(line))
        self._drop -= skipped
        line = line[skipped:]
        packets: list[SoundPacket] = []
        while len(line) >= SAMPLES_PER_PACKET:
            packets.append(self._encode(line[:SAMPLES_PER_PACKET]))
            line = line[SAMPLES_PER_PACKET:]
        self._pending = line
        return packets

    def _encode(self, samples: Samples) -> SoundPacket:
        level = np.clip(samples, -1.0, 1.0)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(level, format="flt", layout="mono")
        frame.sample_rate = SOUND_CLOCK_HZ
        frame.pts = self._first_sample
        frame.time_base = Fraction(1, SOUND_CLOCK_HZ)
        (packet,) = self._codec.encode(frame)
        sound = SoundPacket(self._first_sample, bytes(packet))
        self._first_sample += SAMPLES_PER_PACKET
        return sound
