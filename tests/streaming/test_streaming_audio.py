"""Sound: exact packets on the media clock, without drift, seams or shift."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightcone.streaming import StreamFormat
from lightcone.streaming.encoding.sound import FrameSound, SoundEncoder, SoundPacket
from lightcone.streaming.packets import SAMPLES_PER_PACKET

FORMAT = StreamFormat(64, 48, 24, 24_000)
FORMATS = [FORMAT, StreamFormat(64, 48, 35, 44_100), StreamFormat(64, 48, 60, 22_050)]


def decode(packets: list[SoundPacket]) -> NDArray[np.float32]:
    """What a viewer's decoder makes of the packets, (960 * packets,) mono samples at 48 kHz."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoder.layout = "mono"
    sound = []
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet.data)):
            assert frame.sample_rate == 48_000
            samples = frame.to_ndarray().reshape(-1)
            scale = 32768 if samples.dtype == np.int16 else 1
            sound.append(samples.astype(np.float32) / scale)
    return np.concatenate(sound)


def frames_of(
    sound: NDArray[np.float32] | None,
    frames: int,
    format: StreamFormat = FORMAT,
    start: Fraction = Fraction(0),
    rate: Fraction = Fraction(1),
    *,
    continues: bool = True,
) -> list[FrameSound]:
    """The sound frame by frame; `start` of the first, all lasting 1 / (fps * rate)."""
    duration = 1 / (format.fps * rate)
    return [
        FrameSound(
            start + i * duration,
            duration,
            None if sound is None else sound[format.samples(0, i) : format.samples(0, i + 1)],
            continues or i > 0,
        )
        for i in range(frames)
    ]


def encoder(format: StreamFormat = FORMAT) -> SoundEncoder:
    assert format.sample_rate is not None
    return SoundEncoder(format.fps, format.sample_rate, 64_000)


def encode(sound: NDArray[np.float32], format: StreamFormat = FORMAT) -> list[SoundPacket]:
    assert format.sample_rate is not None
    frames = int(len(sound) * format.fps / format.sample_rate)
    return encoder(format).feed(frames_of(sound, frames, format))


def sine(hz: float, seconds: float, rate: int) -> NDArray[np.float32]:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def error_db(heard: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(truth**2) / np.mean((heard - truth) ** 2)))


@pytest.mark.parametrize("format", FORMATS)
def test_packets_are_exactly_20_ms_and_never_drift(format: StreamFormat) -> None:
    frames = 10 * format.fps
    packets = encoder(format).feed(frames_of(None, frames, format))
    assert [p.first_sample for p in packets] == [
        i * SAMPLES_PER_PACKET for i in range(len(packets))
    ]
    # All that can be complete is there, and what is there is complete.
    assert packets[-1].complete_at <= 10 < packets[-1].complete_at + 0.021
    assert packets[0].complete_at < 0.02 + 0.006
    assert decode(packets[:50]).shape == (50 * SAMPLES_PER_PACKET,)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("at", [0.25, 0.5, 1.2345])
def test_a_click_is_heard_at_its_media_time(format: StreamFormat, at: float) -> None:
    assert format.sample_rate is not None
    sound = np.zeros(2 * format.sample_rate, np.float32)
    sample = round(at * format.sample_rate)
    sound[sample : sample + 3] = [0.9, -0.9, 0.9]
    packets = encode(sound, format)
    heard = decode(packets)
    loudest = int(np.abs(heard).argmax()) + packets[0].first_sample
    assert abs(loudest / 48_000 - (sample + 1) / format.sample_rate) < 0.0005


@pytest.mark.parametrize("format", FORMATS)
def test_a_tone_keeps_its_frequency_and_its_phase(format: StreamFormat) -> None:
    assert format.sample_rate is not None
    heard = decode(encode(sine(1000, 2, format.sample_rate), format))[9600:-960]
    truth = sine(1000, 2, 48_000)[9600 : 9600 + len(heard)]
    assert error_db(heard, truth) > 30  # a shift of one sample would give 18 dB


def test_sound_may_begin_anywhere_on_media_time() -> None:
    """Packets lie at multiples of 20 ms; before the beginning is silence."""
    start = Fraction(1, 2) + Fraction(3, 700)
    sound = frames_of(sine(1000, 1, 24_000), 24, start=start)
    packets = encoder().feed(sound)
    assert packets[0].first_sample == 24_000
    heard = decode(packets)[9600:-960]
    t = (np.arange(len(heard)) + 24_000 + 9600) / 48_000 - float(start)
    assert error_db(heard, 0.4 * np.sin(2 * np.pi * 1000 * t)) > 30


def test_at_a_lower_rate_sound_is_stretched_with_the_picture() -> None:
    rate = Fraction(3, 4)
    first = frames_of(sine(1000, 1, 24_000), 24)
    then = frames_of(sine(1000, 1, 24_000), 24, start=Fraction(1), rate=rate)
    packets = encoder().feed([*first, *then])
    assert [p.first_sample for p in packets] == [960 * i for i in range(len(packets))]
    assert 2.3 < packets[-1].complete_at <= 1 + 4 / 3
    heard = decode(packets)
    truth = np.concatenate([sine(1000, 1, 48_000), sine(750, 4 / 3, 48_000)])[: len(heard)]
    assert error_db(heard[9600:-960], truth[9600 : len(heard) - 960]) > 25
    assert np.abs(np.diff(heard[47_900:48_100])).max() < 0.06  # a 1 kHz tone has 0.052


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 24), max_size=6))
def test_packets_do_not_depend_on_how_frames_come(cuts: list[int]) -> None:
    sounds = frames_of(sine(440, 1, 24_000), 24)
    whole = encoder().feed(sounds)
    pieces, line = encoder(), []
    bounds = sorted({0, 24, *cuts})
    for begin, end in pairwise(bounds):
        line += pieces.feed(sounds[begin:end])
    assert line == whole


def test_a_cut_does_not_click() -> None:
    """From the top of one tone into the top of another: nothing jumps."""
    before = frames_of(sine(250, 1, 24_000), 21)
    after = np.cos(2 * np.pi * 250 * np.arange(24_000) / 24_000).astype(np.float32) * -0.4
    start = Fraction(21, 24)
    then = frames_of(after, 20, start=start, continues=False)
    heard = decode(encoder().feed([*before, *then]))
    cut = 42_000
    assert np.abs(np.diff(heard[cut - 480 : cut + 480])).max() < 0.05
    t = (np.arange(cut + 2400, len(heard) - 960) - cut) / 48_000
    assert error_db(heard[cut + 2400 : -960], -0.4 * np.cos(2 * np.pi * 250 * t)) > 25


def test_a_short_gap_is_silence_and_a_long_one_is_left_out() -> None:
    line = encoder()
    tone = sine(1000, 1, 24_000)
    packets = line.feed(frames_of(tone, 6))
    short = Fraction(6, 24) + Fraction(1, 25)
    packets += line.feed(frames_of(tone, 6, start=short))
    assert [p.first_sample for p in packets] == [960 * i for i in range(len(packets))]
    silent = decode(packets)[12_000 + 480 : 12_000 + 1800]
    assert np.abs(silent).max() < 0.02
    later = line.feed(frames_of(tone, 6, start=Fraction(10)))
    assert later[0].first_sample == 480_000


def test_a_frame_without_samples_is_silent_for_its_time() -> None:
    packets = encoder(FORMATS[1]).feed(frames_of(None, 70, FORMATS[1]))
    assert packets[-1].complete_at <= 2 < packets[-1].complete_at + 0.021
    assert np.abs(decode(packets)).max() < 1e-3


def test_loud_sound_is_clipped_not_wrapped() -> None:
    heard = decode(encode(np.full(12_000, 1.7, np.float32)))
    assert heard[2000:].min() > 0
