"""Which packets get through, and when. Sans-IO: times are monotonic seconds, given by the caller.

The kernel's netem (tc-netem(8)) does the same where it is built in: loss of single packets, a rate
with a queue, then a delay of its own for each packet, so that jitter lets packets overtake.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from lightcone.bench.errors import BenchError

QUEUE_S = 0.5  # of packets may wait for the rate; of more, the newest are dropped


@dataclass(frozen=True)
class Conditions:
    """Of each direction by itself. `delay_ms` is of one way, and each packet's is off by at most
    `jitter_ms`, evenly distributed; `loss` is in percent; `rate_kbps` in kilobits a second, None
    for any. Raises BenchError where that can not be."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    rate_kbps: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.jitter_ms <= self.delay_ms:
            raise BenchError("jitter is from 0 to the delay: no packet comes before it was sent")
        if not 0 <= self.loss < 100:
            raise BenchError("loss is from 0 to below 100 percent")
        if self.rate_kbps is not None and self.rate_kbps <= 0:
            raise BenchError("a rate is above 0")


class Direction:
    """Packets in, packets out when they are due. Counts what it took, lost at random, and dropped
    because the queue before the rate was full."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.taken = self.lost = self.dropped = 0
        self._conditions = conditions
        self._random = np.random.default_rng((conditions.seed, seed))
        self._free_at = 0.0  # when the line has sent what it has
        self._under_way: list[tuple[float, int, bytes]] = []  # by when due, then in order

    def take(self, packet: bytes, now: float) -> None:
        self.taken += 1
        with_loss, with_jitter = self._random.random(2)  # the same for each packet, whatever is on
        if 100 * with_loss < self._conditions.loss:
            self.lost += 1
            return
        sent = max(now, self._free_at)
        if sent - now > QUEUE_S:
            self.dropped += 1
            return
        if self._conditions.rate_kbps is not None:
            sent += 8 * len(packet) / (1000 * self._conditions.rate_kbps)
            self._free_at = sent
        off_ms = self._conditions.jitter_ms * (2 * with_jitter - 1)
        due = sent + (self._conditions.delay_ms + off_ms) / 1000
        heapq.heappush(self._under_way, (due, self.taken, packet))

    @property
    def next_due(self) -> float | None:
        """None where nothing is under way."""
        return self._under_way[0][0] if self._under_way else None

    def due(self, now: float) -> list[bytes]:
        """What arrives until now, in order of arrival."""
        arrived = []
        while self._under_way and self._under_way[0][0] <= now:
            arrived.append(heapq.heappop(self._under_way)[2])
        return arrived
