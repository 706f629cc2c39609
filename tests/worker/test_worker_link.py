"""The server's end of a worker that does not answer."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import run_virtual

from lightcone.server.worker.errors import RequestTimedOut
from lightcone.server.worker.link import REPLY_TIMEOUT_S, Link
from lightcone.server.worker.messages import Ping, Pong, Save, Saved, encode


class Wire(asyncio.Transport):
    """Takes whatever is sent."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...


def test_a_request_that_is_never_answered_ends_and_others_go_on() -> None:
    async def scenario() -> None:
        link = Link()
        link.connection_made(Wire())
        began = asyncio.get_running_loop().time()
        hanging = asyncio.create_task(link.request(lambda n: Save(n, "a"), Saved))
        await asyncio.sleep(1)
        ping = asyncio.create_task(link.request(Ping, Pong))
        await asyncio.sleep(1)
        link.data_received(encode(Pong(2)))
        assert (await ping).request == 2
        with pytest.raises(RequestTimedOut):
            await hanging
        assert asyncio.get_running_loop().time() - began == REPLY_TIMEOUT_S
        link.data_received(encode(Saved(1, b"too late")))

    run_virtual(scenario())
