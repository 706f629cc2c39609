"""How busy a worker is, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightcone.server.worker.messages import Message, Stats
from lightcone.server.worker.service import Service

EVERY_S = 1.0
SAMPLE_S = 0.02  # how often the loop's lag is looked at


class Vitals:
    """Lives on the running event loop."""

    def __init__(self, service: Service, send: Callable[[Message], None]) -> None:
        self._service = service
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._worst_s = 0.0
        self._stepped_s = self._encoded_s = 0.0
        self._since = self._loop.time()
        self._expected = self._since + SAMPLE_S
        self._timer = self._loop.call_at(self._expected, self._sample)

    def close(self) -> None:
        self._timer.cancel()

    def _sample(self) -> None:
        now = self._loop.time()
        self._worst_s = max(self._worst_s, now - self._expected)
        if now - self._since >= EVERY_S:
            self._report(now)
        self._expected = now + SAMPLE_S
        self._timer = self._loop.call_at(self._expected, self._sample)

    def _report(self, now: float) -> None:
        stepped_s, encoded_s = self._service.runner.busy_s, self._service.encode_busy_s
        a_second = 1000 / (now - self._since)
        self._send(
            Stats(
                (stepped_s - self._stepped_s) * a_second,
                (encoded_s - self._encoded_s) * a_second,
                1000 * self._worst_s,
                self._service.step_ms,
            )
        )
        self._stepped_s, self._encoded_s = stepped_s, encoded_s
        self._since, self._worst_s = now, 0.0
