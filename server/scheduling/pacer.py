"""How long a step will take, so that it can start just in time. Sans-IO.

What the next step may need is the peak of what the last ones needed. The peak rises at once and
falls back slowly, so that a machine that is slow now and then is slow in the prediction too.
"""

from __future__ import annotations

from collections import deque

RECENT = 24  # steps that say what is usual
USUAL = 0.9  # quantile of them; the peak falls towards it
QUICK = 0.25  # quantile of them that a few slow steps do not move
RELEASE = 0.002  # of the way there with each step: half of it in about 30 s
FIRST = 1.5  # at first a viewer's handshake and the encoders' start want the machine too


class Peak:
    """Predicts one time, in seconds, from those before it and a first guess."""

    def __init__(self, first_guess_s: float) -> None:
        self._recent: deque[float] = deque([first_guess_s], maxlen=RECENT)
        self.predicted_s = FIRST * first_guess_s

    def quantile_s(self, share: float) -> float:
        ordered = sorted(self._recent)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def record(self, took_s: float) -> None:
        self._recent.append(took_s)
        usual = self.quantile_s(USUAL)
        falling = self.predicted_s + RELEASE * (usual - self.predicted_s)
        self.predicted_s = max(took_s, usual, falling)


class Pacer:
    """Predicts the steps of one kind of batch: of one world, chunk length, number of denoising
    steps and bucket. `first_guess_s` was measured at warm-up, alone on the machine."""

    def __init__(self, first_guess_s: float) -> None:
        self._lead = Peak(first_guess_s)
        self._busy = Peak(first_guess_s)

    @property
    def lead_s(self) -> float:
        """How long before it is due a step has to start: each of its parts is then at hand when
        that part is due."""
        return self._lead.predicted_s

    @property
    def busy_s(self) -> float:
        """For how long the step keeps its thread."""
        return self._busy.predicted_s

    @property
    def quick_s(self) -> float:
        """For how long a step keeps its thread where nothing is in its way."""
        return self._busy.quantile_s(QUICK)

    def record(self, *, lead_s: float, busy_s: float) -> None:
        """A step would have had to start `lead_s` before it was due, counted from when it could
        have started, so that a late start counts; and kept its thread for `busy_s`."""
        self._lead.record(max(lead_s, 0.0))
        self._busy.record(busy_s)
