"""Sound: samples of frames in, exact 20 ms Opus packets on the media clock out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from lightcone.streaming.encoding.resampler import REACH, Resampler, Samples
from lightcone.streaming.packets import SAMPLES_PER_PACKET, SOUND_CLOCK_HZ

FADE_SAMPLES = 240  # 5 ms, over which sound that does not continue what went before takes over
LONGEST_FILL_S = 0.06  # a longer gap is not filled with silence: its packets would come too late


@dataclass(frozen=True)
class FrameSound:
    """The sound of one frame: from media time `start`, for `duration` seconds.

    `samples` (n,) within [-1, 1] at the session's sample rate; None for silence. With `continues`
    it follows on the samples before it.
    """

    start: Fraction
    duration: Fraction
    samples: Samples | None
    continues: bool


@dataclass(frozen=True)
class SoundPacket:
    """20 ms of Opus: what a decoder makes of it begins at media sample `first_sample` (48 kHz).
    All that it was made from is due by media time `complete_at`, in seconds."""

    first_sample: int
    data: bytes
    complete_at: float

    @property
    def media_time(self) -> float:
        return self.first_sample / SOUND_CLOCK_HZ


class SoundEncoder:
    """Turns the sounds of frames into Opus packets at multiples of 960 samples of media time."""

    def __init__(self, fps: int, sample_rate: int, bitrate: int) -> None:
        self._frame_samples = Fraction(sample_rate, fps)  # of one frame
        self._opus = OpusEncoder(bitrate)
        self._resampler: Resampler | None = None
        self._frames = 0  # since the samples last did not continue
        self._end = Fraction(0)  # media time up to which sound was fed
        self._last = 0.0  # the newest sample at 48 kHz
        self._faded = FADE_SAMPLES  # samples since the samples last did not continue
        self._fade_from = 0.0

    def feed(self, sounds: Sequence[FrameSound]) -> list[SoundPacket]:
        """The packets that the sounds of the next frames complete, in order."""
        packets: list[SoundPacket] = []
        for sound in sounds:
            if self._resampler is None or not sound.continues or sound.start != self._end:
                packets += self._begin(sound)
            packets += self._add(sound)
        return packets

    def _begin(self, sound: FrameSound) -> list[SoundPacket]:
        """End what went before and begin anew: silence up to the start of `sound`, or only from
        the last packet boundary where that would be too much."""
        at = sound.start * SOUND_CLOCK_HZ
        line = self._finish()
        if self._opus.next_sample is None or sound.start - self._end > LONGEST_FILL_S:
            self._opus.restart(int(at) // SAMPLES_PER_PACKET * SAMPLES_PER_PACKET)
            line = np.zeros(0, np.float32)
        self._fade_from, self._faded = self._last, 0
        self._resampler = Resampler(at, self._step(sound))
        self._frames = 0
        assert self._opus.next_sample is not None
        missing = self._resampler.next_output - self._opus.next_sample - len(line)
        gap = self._faded_in(np.zeros(max(missing, 0), np.float32))
        return self._encode(np.concatenate([line, gap]))

    def _finish(self) -> Samples:
        """What the last frames still owe, as nothing follows on them."""
        if self._resampler is None:
            return np.zeros(0, np.float32)
        end = math.ceil(self._end * SOUND_CLOCK_HZ)
        return self._faded_in(self._resampler.finish(end))

    def _add(self, sound: FrameSound) -> list[SoundPacket]:
        assert self._resampler is not None
        position = self._frames * self._frame_samples
        step = self._step(sound)
        if step != self._resampler.step:
            self._resampler.change(sound.start * SOUND_CLOCK_HZ, position, step)
        self._frames += 1
        self._end = sound.start + sound.duration
        samples = sound.samples
        if samples is None:
            count = int(self._frames * self._frame_samples) - int(position)
            samples = np.zeros(count, np.float32)
        return self._encode(self._faded_in(self._resampler.push(samples)))

    def _step(self, sound: FrameSound) -> Fraction:
        return self._frame_samples / (sound.duration * SOUND_CLOCK_HZ)

    def _faded_in(self, line: Samples) -> Samples:
        """Leads from the last sample before a cut to what comes after it."""
        count = min(FADE_SAMPLES - self._faded, len(line))
        if count:
            share = np.arange(self._faded + 1, self._faded + count + 1) / FADE_SAMPLES
            line = line.copy()
            line[:count] = line[:count] * share + self._fade_from * (1 - share)
            self._faded += count
        if len(line):
            self._last = float(line[-1])
        return line

    def _encode(self, line: Samples) -> list[SoundPacket]:
        assert self._resampler is not None
        # A sample is complete once the `REACH` input samples after it are there.
        wait = float(REACH / self._resampler.step + OpusEncoder.LOOKAHEAD + SAMPLES_PER_PACKET)
        return [
            SoundPacket(first, data, (first + wait) / SOUND_CLOCK_HZ)
            for first, data in self._opus.push(line)
        ]


class OpusEncoder:
    """Mono Opus in packets of exactly 960 samples whose decoded sound lies on the media clock.

    A decoder gives every sample back `LOOKAHEAD` late, so the encoder is fed that much ahead:
    the sound of media time t comes out of the packet whose timestamp covers t. Restricted
    low-delay mode (RFC 6716 section 2.1.8 and RFC 7587) keeps the look-ahead at 2.5 ms.
    """

    LOOKAHEAD = 120  # samples at 48 kHz

    def __init__(self, bitrate: int) -> None:
        self.next_sample: int | None = None
        """The media sample that is to be pushed next; None before the first `restart`."""
        self._first_sample = 0  # of the next packet
        self._pending: Samples = np.zeros(0, np.float32)
        self._drop = 0
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate = SOUND_CLOCK_HZ
        codec.layout = "mono"
        codec.format = "flt"
        codec.bit_rate = bitrate
        codec.time_base = Fraction(1, SOUND_CLOCK_HZ)
        codec.options = {"application": "lowdelay", "frame_duration": "20", "vbr": "on"}
        self._codec = codec

    def restart(self, first_sample: int) -> None:
        """The next packet, and the next sample, is media sample `first_sample`."""
        self.next_sample = self._first_sample = first_sample
        self._pending = np.zeros(0, np.float32)
        self._drop = self.LOOKAHEAD

    def push(self, samples: Samples) -> list[tuple[int, bytes]]:
        """(n,) samples that follow the last ones -> the packets they complete: (media sample at
        which it begins, data)."""
        assert self.next_sample is not None
        self.next_sample += len(samples)
        line = np.concatenate([self._pending, samples])
        skipped = min(self._drop, len(line))
        self._drop -= skipped
        line = line[skipped:]
        packets: list[tuple[int, bytes]] = []
        while len(line) >= SAMPLES_PER_PACKET:
            packets.append((self._first_sample, self._encode(line[:SAMPLES_PER_PACKET])))
            self._first_sample += SAMPLES_PER_PACKET
            line = line[SAMPLES_PER_PACKET:]
        self._pending = line
        return packets

    def _encode(self, samples: Samples) -> bytes:
        level = np.clip(samples, -1.0, 1.0)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(level, format="flt", layout="mono")
        frame.sample_rate = SOUND_CLOCK_HZ
        frame.pts = self._first_sample
        frame.time_base = Fraction(1, SOUND_CLOCK_HZ)
        (packet,) = self._codec.encode(frame)
        return bytes(packet)
