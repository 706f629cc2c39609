"""The first picture that answers a press, found by what changes in it. Pure.

A world moves by itself. So it is first watched for a while: each cell of the small grey picture
has a change from one picture to the next that is usual for it, and a picture a share of cells
that change by more. An answer is the first picture after a press whose share is well above any
that was seen without a press.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.bench.outside.recording import Numbers, Recording

NOISE = 4.0  # of 256: what an encoder changes in a picture that stands still
CLEAR = 16.0  # of 256: a change by so much more than usual counts fully
USUAL = 90  # percentile of a cell's changes without a press
LEAST_SHARE = 0.004  # of the cells: 7 of 1728
USUAL_SHARE = 80  # percentile of the shares just before a press
ABOVE = 2.0  # times the largest share without a press
JUST_BEFORE_MS = 250.0  # a press, the world is what it is when it comes


@dataclass(frozen=True)
class Span:
    """Milliseconds of performance.now(), from `start` on and before `end`."""

    start: float
    end: float


@dataclass(frozen=True)
class Picture:
    """`index` is that in the recording; `share` of the cells changed more than is usual."""

    index: int
    share: float


def shares(seen: Recording, quiet: Sequence[Span]) -> Numbers:
    """(N,): the share of each picture's cells that changed since the picture before by more than
    they do in the `quiet` spans; 0 for the first."""
    grey = seen.grey.reshape(len(seen.grey), -1).astype(np.int16)  # (N, C)
    if len(grey) < 2:
        return np.zeros(len(grey))
    change = np.abs(np.diff(grey, axis=0))  # (N - 1, C)
    still = change[within(seen.presented[1:], quiet)]
    usual = np.percentile(still, USUAL, axis=0) if len(still) else 0.0  # (C,)
    more = np.clip((change - NOISE - 2 * usual) / CLEAR, 0, 1)
    return np.concatenate([[0.0], more.mean(axis=1)])


def answers(
    seen: Recording, presses: Sequence[Span], quiet: Sequence[Span]
) -> list[Picture | None]:
    """For each press, from its moment to that of the next one, the first picture that answers it;
    None where there is none."""
    share = shares(seen, quiet)
    spontaneous = share[within(seen.presented, quiet)].max(initial=0.0)
    found: list[Picture | None] = []
    for press in presses:
        before = Span(press.start - JUST_BEFORE_MS, press.start)
        own = usual_share(share[within(seen.presented, [before])])
        least = max(LEAST_SHARE, ABOVE * spontaneous, ABOVE * own)
        clear = np.flatnonzero((share > least) & within(seen.presented, [press]))
        found.append(Picture(int(clear[0]), float(share[clear[0]])) if len(clear) else None)
    return found


def usual_share(share: Numbers) -> float:
    """Of the pictures just before a press. One that stands out is the end of what came before: a
    network may have held it up."""
    return float(np.percentile(share, USUAL_SHARE)) if len(share) else 0.0


def within(moments: Numbers, spans: Sequence[Span]) -> NDArray[np.bool]:
    """Which of the moments are in one of the spans."""
    inside = np.zeros(len(moments), np.bool)
    for span in spans:
        inside |= (moments >= span.start) & (moments < span.end)
    return inside
