"""Sound at 48 kHz from any rate: no seams, no drift, no shift."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightcone.streaming.encoding.resampler import REACH, Resampler


def resample(
    sound: NDArray[np.float32], rate: int, at: Fraction = Fraction(0)
) -> NDArray[np.float32]:
    return Resampler(at, Fraction(rate, 48_000)).push(sound)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("share_of_band", [0.02, 0.3, 0.6])
def test_resampling_neither_shifts_nor_colours(rate: int, share_of_band: float) -> None:
    hz = share_of_band * rate / 2
    sound = np.sin(2 * np.pi * hz * np.arange(rate // 4) / rate).astype(np.float32)
    out = resample(sound, rate)
    expected = np.sin(2 * np.pi * hz * np.arange(len(out)) / 48_000)
    assert len(out) >= 48_000 // 4 - 48_000 * (REACH + 1) // rate
    assert np.abs(out - expected)[400:].max() < 2e-3


@settings(max_examples=50, deadline=None)
@given(
    rate=st.integers(8_000, 48_000),
    at=st.fractions(0, 1000, max_denominator=999),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_resampling_does_not_depend_on_how_sound_is_cut(
    rate: int, at: Fraction, cuts: list[int]
) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    whole = resample(noise, rate, at)
    resampler = Resampler(at, Fraction(rate, 48_000))
    pieces = np.split(noise, np.cumsum(cuts))
    joined = np.concatenate([resampler.push(piece) for piece in pieces])
    np.testing.assert_allclose(joined, whole, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.sampled_from([8_000, 22_050, 24_000, 44_100]),
    shares=st.lists(st.sampled_from([Fraction(1), Fraction(3, 4), Fraction(1, 2)]), max_size=6),
    length=st.integers(1, 700),
)
def test_the_ratio_changes_without_a_seam_or_a_shift(
    rate: int, shares: list[Fraction], length: int
) -> None:
    """A ramp of 1 a second of input time: its slope shows the ratio, its value the position."""
    ramp = np.arange(length * (len(shares) + 1) + 100, dtype=np.float32) / rate
    resampler = Resampler(Fraction(0), Fraction(rate, 48_000))
    out = [resampler.push(ramp[:length])]
    expected_at, position = length / Fraction(rate, 48_000), Fraction(length)
    knots = [(Fraction(0), Fraction(0)), (expected_at, position)]
    for i, share in enumerate(shares, start=1):
        step = Fraction(rate, 48_000) * share
        resampler.change(expected_at, position, step)
        out.append(resampler.push(ramp[i * length : (i + 1) * length]))
        expected_at, position = expected_at + length / step, position + length
        knots.append((expected_at, position))
    line = np.concatenate(out)
    times, positions = zip(*knots, strict=True)
    truth = np.interp(
        np.arange(len(line)), [float(t) for t in times], [float(p) for p in positions]
    )
    # The window spreads the corner at the beginning, where silence ends.
    begin = 48_000 * REACH // rate * 2
    assert np.abs(line - truth / rate)[begin:].max(initial=0) < 1e-3 * max(ramp[-1], 0.01)


def test_late_media_time_is_as_exact_as_early() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    hours = Fraction(100 * 3600 * 48_000)
    late, early = Fraction(2, 7) + hours, Fraction(2, 7)
    np.testing.assert_array_equal(resample(noise, 44_100, late), resample(noise, 44_100, early))


@pytest.mark.parametrize("rate", [22_050, 44_100, 47_999])
def test_nothing_drifts(rate: int) -> None:
    resampler = Resampler(Fraction(0), Fraction(rate, 48_000))
    second = np.zeros(rate, np.float32)
    for seconds in range(1, 60):
        resampler.push(second)
        waiting = seconds * 48_000 - resampler.next_output
        assert 0 <= waiting - REACH * 48_000 // rate <= 2


def test_what_is_left_comes_at_the_end() -> None:
    resampler = Resampler(Fraction(0), Fraction(1, 2))
    sound = np.ones(500, np.float32)
    line = np.concatenate([resampler.push(sound), resampler.finish(1000)])
    assert len(line) == 1000
    np.testing.assert_allclose(line[50:950], 1.0, atol=1e-3)


def test_the_rate_is_never_lowered() -> None:
    with pytest.raises(ValueError, match="raise"):
        Resampler(Fraction(0), Fraction(3, 2))
