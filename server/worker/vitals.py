"""What a worker does and needs, once a second."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import psutil

from lightcone.server.worker.gpu import GpuReader
from lightcone.server.worker.messages import Stats
from lightcone.server.worker.outlet import Outlet
from lightcone.server.worker.service import Service

EVERY_S = 1.0
SAMPLE_S = 0.02  # how often the loop's lag is looked at


class _Totals(NamedTuple):
    """Since the worker began."""

    stepped_s: float = 0.0
    encoded_s: float = 0.0
    overtaken: int = 0
    late: int = 0
    unread: int = 0


class Vitals:
    """Lives on the running event loop. `device` is the torch device of the models."""

    def __init__(self, service: Service, outlet: Outlet, device: str) -> None:
        self._service = service
        self._outlet = outlet
        self._gpu = GpuReader(device)
        self._process = psutil.Process()
        self._loop = asyncio.get_running_loop()
        self._worst_s = 0.0
        self._before = _Totals()
        self._since = self._loop.time()
        self._expected = self._since + SAMPLE_S
        self._timer = self._loop.call_at(self._expected, self._sample)

    def close(self) -> None:
        self._timer.cancel()
        self._gpu.close()

    def _sample(self) -> None:
        now = self._loop.time()
        self._worst_s = max(self._worst_s, now - self._expected)
        if now - self._since >= EVERY_S:
            self._report(now)
        self._expected = now + SAMPLE_S
        self._timer = self._loop.call_at(self._expected, self._sample)

    def _report(self, now: float) -> None:
        totals, before = self._totals(), self._before
        a_second = 1000 / (now - self._since)
        self._outlet.send(
            Stats(
                (totals.stepped_s - before.stepped_s) * a_second,
                (totals.encoded_s - before.encoded_s) * a_second,
                1000 * self._worst_s,
                self._service.step_ms,
                self._process.memory_info().rss,
                self._gpu.read(),
                {
                    "overtaken": totals.overtaken - before.overtaken,
                    "late": totals.late - before.late,
                    "unread": totals.unread - before.unread,
                },
            )
        )
        self._before, self._since, self._worst_s = totals, now, 0.0

    def _totals(self) -> _Totals:
        encoded = self._service.encoded
        return _Totals(
            self._service.runner.busy_s,
            encoded.busy_s,
            encoded.frames_skipped,
            encoded.sounds_dropped,
            self._outlet.left_out,
        )
