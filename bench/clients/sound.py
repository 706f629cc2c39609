"""The probe's tone found in sound that arrived."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightcone.client.media.rtp import SOUND_HZ
from lightcone.client.media.sound import Samples, Sound

TONE_HZ = 1000.0
TONE_LEVEL = 0.5  # amplitude in the probe world
SILENCE_S = 0.01  # at least, before what counts as an onset


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
