"""The onset of sound that answers a press: a rise over the running level. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lightcone.bench.outside.picture import JUST_BEFORE_MS, Span, within
from lightcone.bench.outside.recording import Numbers, Recording

SILENT_DB = -66.0  # below it nothing is heard
BLOCKS = 4  # of 128 samples, 11 ms at 48 kHz: the level of low tones is steady over them
RUNNING = 100  # blocks, about 0.27 s: the running level is the median of the last ones
LEAST_DB = 9.0  # over the running level
ABOVE_DB = 3.0  # over the largest rise without a press


def rises(level: Numbers) -> Numbers:
    """(S,): by how many dB each block and the ones just before it, (S,) of root mean squares, are
    over the running level; silence is SILENT_DB."""
    if len(level) == 0:
        return np.zeros(0)
    power = np.convolve(level**2, np.full(BLOCKS, 1 / BLOCKS))[: len(level)]
    loud = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), SILENT_DB)
    padded = np.concatenate([np.full(RUNNING, loud[0]), loud[:-1]])
    running = np.median(sliding_window_view(padded, RUNNING), axis=1)
    return np.asarray(loud - running, np.float64)


def onsets(heard: Recording, presses: Sequence[Span], quiet: Sequence[Span]) -> list[float | None]:
    """For each press, from its moment to that of the next one, when the first block begins whose
    rise is well above any without a press; None where there is none."""
    rise = rises(heard.level)
    spontaneous = rise[within(heard.sound_at, quiet)].max(initial=0.0)
    found: list[float | None] = []
    for press in presses:
        before = Span(press.start - JUST_BEFORE_MS, press.start)
        own = rise[within(heard.sound_at, [before])].max(initial=0.0)
        least = max(LEAST_DB, spontaneous + ABOVE_DB, own + ABOVE_DB)
        clear = np.flatnonzero((rise > least) & within(heard.sound_at, [press]))
        found.append(float(heard.sound_at[clear[0]]) if len(clear) else None)
    return found
