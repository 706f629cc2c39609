"""Lag of the event loop, in virtual time."""

from __future__ import annotations

import asyncio

from virtual_time import VirtualTimeLoop, run_virtual

from lightcone.server.telemetry.loop_lag import LoopLag


def test_only_what_holds_the_loop_up_is_lag() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        lag = LoopLag()
        assert lag.p99_ms == 0
        lag.start()
        await asyncio.sleep(2.0)
        assert lag.p99_ms < 0.1
        for _ in range(6):
            loop.busy(0.05)
            await asyncio.sleep(0.1)
        lag.stop()
        assert lag.p50_ms < 0.1
        assert 40 <= lag.p99_ms <= 50
        await asyncio.sleep(1)

    run_virtual(scenario())
