"""Sound: exact packets on the media clock, without drift, seams or shift."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightcone.streaming.audio import (
    SAMPLES_PER_PACKET,
    OpusEncoder,
    SoundPacket,
    Upsampler,
)

RATE = 24_000
CHUNK = 2000


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


def encode(sound: NDArray[np.float32], start: int = 0) -> list[SoundPacket]:
    encoder = OpusEncoder(RATE, 64_000, start)
    return [
        packet
        for begin in range(0, len(sound), CHUNK)
        for packet in encoder.push(sound[begin : begin + CHUNK])
    ]


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("hz", [100.0, 1000.0, 5000.0])
def test_upsampling_neither_shifts_nor_colours(factor: int, hz: float) -> None:
    rate = 48_000 // factor
    sound = np.sin(2 * np.pi * hz * np.arange(rate // 4) / rate).astype(np.float32)
    out = Upsampler(factor).push(sound)
    expected = np.sin(2 * np.pi * hz * np.arange(len(out)) / 48_000)
    assert np.abs(out - expected)[200:].max() < 2e-3


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_upsampling_does_not_depend_on_how_sound_is_cut(cuts: list[int]) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    whole = Upsampler(2).push(noise)
    pieces = np.split(noise, np.cumsum(cuts))
    upsampler = Upsampler(2)
    joined = np.concatenate([upsampler.push(piece) for piece in pieces])
    assert len(joined) == len(whole) == 2 * (len(noise) - upsampler.lookahead)
    np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_packets_are_exactly_20_ms_and_never_drift() -> None:
    chunks, encoder = 360, OpusEncoder(RATE, 64_000)  # half a minute
    silence = np.zeros(CHUNK, np.float32)
    packets = [packet for _ in range(chunks) for packet in encoder.push(silence)]
    assert [p.first_sample for p in packets] == [
        i * SAMPLES_PER_PACKET for i in range(len(packets))
    ]
    pushed_s = chunks * CHUNK / RATE
    assert 0 <= pushed_s - encoder.delay_s - len(packets) * 0.02 < 0.02
    assert encoder.delay_s < 0.005
    assert decode(packets[:50]).shape == (50 * SAMPLES_PER_PACKET,)


@pytest.mark.parametrize("at", [0.25, 0.5, 1.0, 1.2345])
def test_a_click_is_heard_at_its_media_time(at: float) -> None:
    sound = np.zeros(2 * RATE, np.float32)
    sample = round(at * RATE)
    sound[sample : sample + 3] = [0.9, -0.9, 0.9]
    packets = encode(sound)
    heard = decode(packets)
    loudest = int(np.abs(heard).argmax()) + packets[0].first_sample
    assert abs(loudest / 48_000 - (sample + 1) / RATE) < 0.0005


def test_sound_may_begin_in_the_middle_of_a_world() -> None:
    packets = encode(np.zeros(RATE, np.float32), start=50 * 1000)
    assert packets[0].first_sample == 100_000
    assert packets[1].first_sample == 100_960


def test_decoded_sound_resembles_what_was_pushed() -> None:
    t = np.arange(2 * RATE) / RATE
    sound = (0.4 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 3000 * t)).astype("f4")
    heard = decode(encode(sound))[9600:-960]
    t48 = (np.arange(len(heard)) + 9600) / 48_000
    truth = 0.4 * np.sin(2 * np.pi * 440 * t48) + 0.2 * np.sin(2 * np.pi * 3000 * t48)
    error = float(np.mean((heard - truth) ** 2))
    assert 10 * np.log10(np.mean(truth**2) / error) > 30  # a shift of one sample would give 15 dB


def test_loud_sound_is_clipped_not_wrapped() -> None:
    heard = decode(encode(np.full(RATE // 2, 1.7, np.float32)))
    assert heard[2000:].min() > 0
