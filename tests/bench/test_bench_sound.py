"""The probe's tone in decoded sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench.clients.sound import (
    TONE_HZ,
    TONE_LEVEL,
    line_up,
    tone_onsets,
)
from lightcone.client.media.rtp import SOUND_HZ
from lightcone.client.media.sound import Samples, Sound

ABOUT = pytest.approx


def beeps(seconds: float, *spans: tuple[float, float]) -> Samples:
    t = np.arange(round(seconds * SOUND_HZ)) / SOUND_HZ
    on = np.zeros(len(t), bool)
    for start, end in spans:
        on |= (t >= start) & (t < end)
    return (TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * t) * on).astype(np.float32)


@given(st.integers(2, 20), st.floats(0, 0.02))
def test_an_onset_is_found_within_a_millisecond_in_noise(frame: int, noise: float) -> None:
    sound = beeps(1.2, (frame / 24, frame / 24 + 0.1))
    hiss = noise * np.random.default_rng(0).standard_normal(len(sound))
    assert tone_onsets((sound + hiss).astype(np.float32)) == [ABOUT(frame / 24, abs=0.001)]


def test_every_onset_is_found_and_a_dropped_period_is_none() -> None:
    sound = beeps(2, (0.25, 0.5), (0.5 + 0.003, 0.6), (0.75, 0.8), (1.5, 1.6))
    assert tone_onsets(sound) == [ABOUT(at, abs=0.001) for at in (0.25, 0.75, 1.5)]


def test_silence_and_other_pitches_have_no_onset() -> None:
    t = np.arange(SOUND_HZ) / SOUND_HZ
    assert tone_onsets(beeps(1)) == []
    assert tone_onsets((0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)) == []


def test_packets_line_up_and_what_is_missing_is_silent() -> None:
    ones = np.ones(960, np.float32)
    start, line = line_up([Sound(2.0, ones, 0), Sound(2.04, ones, 0)])
    assert start == 2.0
    assert line.reshape(3, 960).mean(axis=1).tolist() == [1, 0, 1]
