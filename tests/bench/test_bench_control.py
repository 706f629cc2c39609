"""The control websocket's client, against a server that hangs up."""

from __future__ import annotations

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection, serve

from lightcone.bench.clients.control import control
from lightcone.bench.errors import BenchError


async def test_a_status_is_not_taken_for_the_last_one_once_the_server_has_hung_up() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(msgpack.packb({"type": "welcome", "role": "spectator"}))
        await socket.send(msgpack.packb({"type": "status", "stalls": 0}))
        await socket.recv()
        await socket.close(1000, "the session has ended")

    async with serve(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with control(f"ws://127.0.0.1:{port}", "spectator") as client:
            assert client.status["stalls"] == 0
            seq = await client.hold([])
            with pytest.raises(BenchError, match="the session has ended"):
                await client.receipt(seq)
            with pytest.raises(BenchError, match="the session has ended"):
                _ = client.status
