"""How often the reports of one viewer who has lost a picture (PLI, FIR) may cost all a keyframe."""

from __future__ import annotations

import math


class LossReports:
    """Allows `burst` at once and one each `every_s` in the long run (the generic cell rate
    algorithm, ITU-T I.371). A report that is not allowed is dropped: who still can not decode sends
    another (RFC 4585 section 6.3.1). Pure: `now` is monotonic seconds."""

    def __init__(self, every_s: float, burst: int) -> None:
        self._every_s = every_s
        self._slack_s = (burst - 1) * every_s
        self._due = -math.inf

    def allows(self, now: float) -> bool:
        """Whether one more may lead to a keyframe now; then it counts."""
        if self._due - now > self._slack_s:
            return False
        self._due = max(self._due, now) + self._every_s
        return True
