"""How much somebody may ask for: by key where they have one, else by address."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from lightcone.server.errors import LightconeError


class QuotaExceeded(LightconeError):
    """`retry_s` is after how many seconds to come back."""

    def __init__(self, what: str, limit: RateLimitItem, retry_s: int) -> None:
        super().__init__(f"the quota of {what} is used up ({limit})")
        self.retry_s = retry_s


class Quotas:
    """Limits by what they are of, written as `limits` reads them ("10/minute;100/day"). What has
    none is not limited."""

    def __init__(self, limits: Mapping[str, str]) -> None:
        """Raises ValueError for a limit that can not be read."""
        self._limits = {what: parse_many(text) for what, text in limits.items() if text}
        # the storage has a thread of its own
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage()) if self._limits else None

    def take(self, what: str, who: str, amount: int = 1) -> None:
        """Raises QuotaExceeded, and counts nothing then."""
        limits = self._limits.get(what, ())
        if self._counted is None:
            return
        for limit in limits:
            if not self._counted.test(limit, what, who, cost=amount):
                reset = self._counted.get_window_stats(limit, what, who).reset_time
                raise QuotaExceeded(what, limit, max(1, math.ceil(reset - time.time())))
        for limit in limits:
            self._counted.hit(limit, what, who, cost=amount)
