"""When to start a chunk so that it is ready just before it is due. Sans-IO: times are
monotonic seconds, given by the caller.

A chunk's time is predicted from the recent ones. On top comes a margin for what the prediction
does not see (timers, the other processes of the machine): a miss widens it by more than what
was missing, and it narrows slowly while chunks are on time.
"""

from __future__ import annotations

from collections import deque

RECENT = 24  # chunks the prediction looks at
QUANTILE = 0.9
MIN_MARGIN_S = 0.003
WIDEN = 1.5  # times the lateness of a miss
NARROW = 0.9993  # per chunk on time: halves in about 1000 chunks


class Pacer:
    """Predicts chunk times for one world.

    `chunk_s` is the media time of a chunk, `first_guess_s` the time that one took at warm-up.
    """

    def __init__(self, chunk_s: float, first_guess_s: float) -> None:
        self._chunk_s = chunk_s
        self._recent: deque[float] = deque([first_guess_s], maxlen=RECENT)
        self.margin_s = MIN_MARGIN_S

    @property
    def predicted_s(self) -> float:
        """Time from the start of a chunk until it is on its way, margin included; at most
        the media time of a chunk, so that generation never runs ahead of playback."""
        ordered = sorted(self._recent)
        quantile = ordered[min(int(QUANTILE * len(ordered)), len(ordered) - 1)]
        return min(quantile + self.margin_s, self._chunk_s)

    def start_at(self, due: float) -> float:
        """When to sample the actions and start the chunk that is due at `due`."""
        return due - self.predicted_s

    def record(self, *, took: float, late: float) -> None:
        """A chunk was on its way `took` after its start, and `late` after it was due (negative:
        before)."""
        self._recent.append(took)
        if late > 0:
            self.margin_s = min(self.margin_s + WIDEN * late, self._chunk_s / 2)
        else:
            self.margin_s = max(self.margin_s * NARROW, MIN_MARGIN_S)
