"""When to start a chunk so that it is ready just before it is due. Sans-IO: times are
monotonic seconds, given by the caller.

What the next chunk may need is the peak of what the last ones needed. The peak rises at once and
falls back slowly, so that a machine that is slow now and then is slow in the prediction too.
"""

from __future__ import annotations

from collections import deque

RECENT = 24  # chunks that say what is usual
USUAL = 0.9  # quantile of them; the peak falls towards it
RELEASE = 0.002  # of the way there with each chunk: half of it in about 30 s
MARGIN_S = 0.001
FIRST = 1.5  # at first a viewer's handshake and the encoders' start want the machine too


class Pacer:
    """Predicts chunk times for one world.

    `chunk_s` is the media time of a chunk, `first_guess_s` the time that one took at warm-up,
    alone on the machine.
    """

    def __init__(self, chunk_s: float, first_guess_s: float) -> None:
        self._chunk_s = chunk_s
        self._recent: deque[float] = deque([first_guess_s], maxlen=RECENT)
        self._peak_s = FIRST * first_guess_s

    @property
    def predicted_s(self) -> float:
        """Time from the start of a chunk until it is on its way, margin included; at most
        the media time of a chunk, so that generation never runs ahead of playback."""
        return min(self._peak_s + MARGIN_S, self._chunk_s)

    def start_at(self, due: float) -> float:
        """When to sample the actions and start the chunk that is due at `due`."""
        return due - self.predicted_s

    def record(self, *, took: float, late: float) -> None:
        """A chunk was on its way `took` after its start, and `late` after it was due (negative:
        before). One that was late has needed that much more than predicted, whether it took
        longer or started later than planned."""
        needed = took if late <= 0 else max(took, self.predicted_s + late)
        needed = min(needed, self._chunk_s)
        self._recent.append(needed)
        ordered = sorted(self._recent)
        usual = ordered[min(int(USUAL * len(ordered)), len(ordered) - 1)]
        self._peak_s = max(needed, usual, self._peak_s + RELEASE * (usual - self._peak_s))
