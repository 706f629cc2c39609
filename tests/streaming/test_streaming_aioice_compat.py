"""Each reach-in into aioice, held in place. A new version of either library that
moves a private part fails here."""

from __future__ import annotations

import asyncio
import contextlib
from socket import AF_INET, SOCK_DGRAM, socket
from types import SimpleNamespace
from typing import Any

import pytest
from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import Connection
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from streaming_harness import HeadlessViewer
from virtual_time import run_virtual

from lightcone.streaming import StreamSettings
from lightcone.streaming.errors import NoSocket
from lightcone.streaming.viewers.aioice_compat import (
    LOOPBACK,
    MOST_TRIED,
    MOST_UNSENT,
    ViewerConnection,
    adopt_connection,
)
from lightcone.streaming.viewers.aiortc_compat import close_peer
from lightcone.streaming.viewers.sockets import Sockets, parse_ports


async def test_nothing_is_piled_up_for_a_socket_that_does_not_take_it() -> None:
    sent: list[bytes] = []

    async def send(data: bytes, addr: object) -> None:
        sent.append(data)

    connection = ViewerConnection(ice_controlling=False)
    connection.unsent = 0
    transport = SimpleNamespace(get_write_buffer_size=lambda: waiting)
    protocol = SimpleNamespace(transport=transport, send_data=send)
    pair: Any = SimpleNamespace(protocol=protocol, remote_addr=("127.0.0.1", 9))
    connection._nominated[1] = pair
    waiting = MOST_UNSENT
    await connection.sendto(b"a", 1)
    waiting = MOST_UNSENT + 1
    await connection.sendto(b"b", 1)
    assert (sent, connection.unsent) == ([b"a"], 1)


async def viewer_connection(
    sockets: Sockets | None = None,
) -> tuple[RTCPeerConnection, ViewerConnection]:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = peer.addTransceiver("video", direction="sendonly")
    adopt_connection(
        transceiver,
        consent_interval_s=StreamSettings.consent_interval_s,
        consent_failures=StreamSettings.consent_failures,
        permits=lambda host, port: port > 9,
        sockets=sockets or Sockets(),
    )
    connection = transceiver.receiver.transport.transport._connection
    assert isinstance(connection, ViewerConnection)
    return peer, connection


async def test_the_loopback_address_is_a_candidate() -> None:
    peer, connection = await viewer_connection()
    await connection.gather_candidates()
    assert LOOPBACK in [candidate.host for candidate in connection.local_candidates]
    await connection.close()
    await peer.close()


def two_ports() -> tuple[int, int]:
    """Neighbours that are free now."""
    while True:
        with socket(AF_INET, SOCK_DGRAM) as one, socket(AF_INET, SOCK_DGRAM) as two:
            one.bind((LOOPBACK, 0))
            first = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                two.bind((LOOPBACK, first + 1))
                return first, first + 1


async def test_candidates_have_the_ports_and_addresses_that_are_to_be_used() -> None:
    ports = two_ports()
    taken = [await viewer_connection(Sockets((LOOPBACK,), ports)) for _ in range(2)]
    for _, connection in taken:
        await connection.gather_candidates()
    found = [c for _, connection in taken for c in connection.local_candidates]
    assert {c.host for c in found} == {LOOPBACK}
    assert sorted(c.port for c in found) == [*ports]
    peer, late = await viewer_connection(Sockets((LOOPBACK,), ports))
    with pytest.raises(NoSocket, match="no UDP port is free"):
        await late.gather_candidates()
    for each, connection in [*taken, (peer, late)]:
        await connection.close()
        await each.close()


async def test_outside_of_a_nat_the_address_is_another_and_the_port_the_same() -> None:
    peer, connection = await viewer_connection(Sockets(public="203.0.113.7"))
    candidates = await connection.get_component_candidates(1, ["127.0.0.2"])
    inside, outside = (c for c in candidates if c.host != LOOPBACK)
    assert (inside.host, outside.host) == ("127.0.0.2", "203.0.113.7")
    assert inside.port == outside.port
    await connection.close()
    await peer.close()


def named(host: str = "192.0.2.7", port: int = 5000, component: int = 1) -> Candidate:
    return Candidate("2", component, "udp", 1, host, port, "host")


async def test_candidates_that_are_not_permitted_are_dropped_and_they_never_end() -> None:
    peer, connection = await viewer_connection()
    for candidate in (named(port=9), named(component=2), None):
        await connection.add_remote_candidate(candidate)
    tcp = named()
    tcp.transport = "tcp"
    await connection.add_remote_candidate(tcp)
    assert connection.remote_candidates == []
    await connection.add_remote_candidate(named())
    assert [candidate.host for candidate in connection.remote_candidates] == ["192.0.2.7"]
    await peer.close()


async def test_only_so_many_addresses_are_tried() -> None:
    """Of those that are named, and of those that checks come from."""
    peer, connection = await viewer_connection()
    await connection.gather_candidates()
    for port in range(5000, 5100):
        await connection.add_remote_candidate(named(port=port))
    assert len(connection.remote_candidates) == MOST_TRIED
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes["PRIORITY"] = 1
    connection.remote_password = "password"
    for port in range(5000, 5100):
        connection.check_incoming(check, ("192.0.2.7", port), connection._protocols[-1])
    assert len(connection.remote_candidates) == 2 * MOST_TRIED
    assert len(connection._check_list) <= 2 * MOST_TRIED * len(connection._protocols)
    await connection.close()
    await peer.close()


def test_a_viewer_that_vanished_is_noticed_within_a_dozen_seconds() -> None:
    class DeadProtocol:
        async def request(self, *args: object, **kwargs: object) -> None:
            await asyncio.sleep(0.5)  # aioice gives up on one unanswered request after this
            raise stun.TransactionTimeout

        async def close(self) -> None: ...

    async def scenario() -> None:
        peer, connection = await viewer_connection()
        connection.remote_username, connection.remote_password = "user", "password"
        address = ("192.0.2.7", 9)
        connection._nominated[1] = SimpleNamespace(
            component=1, protocol=DeadProtocol(), remote_addr=address
        )
        began = asyncio.get_running_loop().time()
        await connection.query_consent()
        assert 8 < asyncio.get_running_loop().time() - began < 12
        assert connection._closed
        await peer.close()

    run_virtual(scenario())


def test_a_viewer_behind_a_lossy_network_stays() -> None:
    class LossyProtocol:
        answers = 0

        async def request(self, *args: object, **kwargs: object) -> None:
            """Six requests in a row are lost, or their answers; then one is not."""
            self.asked = getattr(self, "asked", 0) + 1
            if self.asked % 7:
                await asyncio.sleep(0.5)
                raise stun.TransactionTimeout
            self.answers += 1

        async def close(self) -> None: ...

    async def scenario() -> None:
        peer, connection = await viewer_connection()
        connection.remote_username, connection.remote_password = "user", "password"
        protocol = LossyProtocol()
        connection._nominated[1] = SimpleNamespace(
            component=1, protocol=protocol, remote_addr=("192.0.2.7", 9)
        )
        checking = asyncio.create_task(connection.query_consent())
        await asyncio.sleep(60)
        assert protocol.answers > 10
        assert not checking.done()
        checking.cancel()
        await peer.close()

    run_virtual(scenario())


def test_aioice_still_has_what_consent_is_built_on() -> None:
    connection = Connection(ice_controlling=False)
    assert connection._query_consent_task is None
    assert connection._nominated == {}
    assert callable(connection.build_request)


@pytest.mark.parametrize("text", ["50000", "1-2", "60000-50000", "a-b", "50000-70000"])
def test_what_is_no_range_of_ports(text: str) -> None:
    with pytest.raises(ValueError, match="is no range of ports"):
        parse_ports(text)


def test_a_range_of_ports() -> None:
    assert parse_ports("") is None
    assert parse_ports("50000-50100") == (50000, 50100)
    assert sorted(Sockets(ports=(50000, 50002)).ports_to_try()) == [50000, 50001, 50002]


async def test_closing_while_connecting_leaves_no_task() -> None:
    viewer = HeadlessViewer()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("video", "audio"):
        transceiver = peer.addTransceiver(kind, direction="sendonly")
        adopt_connection(transceiver, 1.0, 3, lambda host, port: True, Sockets())
    await peer.setRemoteDescription(RTCSessionDescription(sdp=await viewer.offer(), type="offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    await viewer.close()
    await asyncio.sleep(0)
    await close_peer(peer)
    assert asyncio.all_tasks() == {asyncio.current_task()}
