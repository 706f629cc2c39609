"""Every reach-in into private parts of aioice 0.13, and nothing else: ICE towards viewers.

As in `aiortc_compat.py`, all of it acts on single objects, by subclass, and is held by tests in
tests/streaming/test_streaming_aiortc_compat.py.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from socket import SO_RCVBUF, SOL_SOCKET

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, relayed_candidate
from aioice.stun import Message, TransactionError
from aioice.turn import UDP_SOCKET_BUFFER_SIZE
from aiortc import RTCRtpTransceiver

from lightcone.streaming.errors import NoSocket
from lightcone.streaming.viewers.sockets import Relay, Sockets

LOOPBACK = "127.0.0.1"
RELAY_S = 3.0  # for an answer of the TURN server
MOST_UNSENT = 128 * 1024  # bytes in user space for one socket, where the kernel's buffer is full
MOST_TRIED = 8  # addresses that a viewer names, and as many that its checks come from

log = logging.getLogger("lightcone.streaming")


class ViewerConnection(Connection):
    """ICE towards one viewer. An existing connection becomes one by `adopt_connection`.

    Differs from its base in this: candidates are those of `sockets`, with that of its relay, and
    the loopback address is one too, so that a server without a network works; of the viewer's
    candidates those that `permits` (host, port) are tried, `MOST_TRIED` at most, as its own checks
    bring its address anyway (RFC 8445 section 7.3.1.3); so the end of its candidates is not the end
    of hope; of addresses that such checks bring, `MOST_TRIED` are answered with a check; consent is
    checked (RFC 7675) every `consent_interval_s`, and after a check without an answer at once
    again, up to `consent_failures`: a viewer that vanished is noticed within a dozen seconds,
    and one that stands for some seconds, or whose network loses a packet in ten each way, stays;
    while more than `MOST_UNSENT` bytes wait for a socket, what is sent is dropped and counted as
    `unsent`.
    """

    unsent: int
    consent_interval_s: float
    consent_failures: int
    permits: Callable[[str, int], bool]
    sockets: Sockets

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109
    ) -> list[Candidate]:
        """Host candidates. Raises NoSocket."""
        found: list[Candidate] = []
        for address in self.sockets.chosen([*addresses, LOOPBACK]):
            protocol = await self._bound(address)
            if protocol is None:
                continue
            self._protocols.append(protocol)
            host, port = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = _host_candidate(component, host, port)
            found.append(protocol.local_candidate)
            if self.sockets.public is not None and host != LOOPBACK:
                found.append(_host_candidate(component, self.sockets.public, port))
        if (relay := self.sockets.relay()) is not None:
            found += await self._relayed(component, relay)
        if not found:
            raise NoSocket("no UDP port is free, or none of the addresses is this machine's")
        return found

    async def _relayed(self, component: int, relay: Relay) -> list[Candidate]:
        """The address that the TURN server lends; none where it does not."""
        try:
            async with asyncio.timeout(RELAY_S):
                candidate, protocol = await relayed_candidate(
                    component=component,
                    hide_related_address=True,
                    protocol_factory=lambda: StunProtocol(self),
                    turn_server=(relay.host, relay.port),
                    turn_username=relay.user,
                    turn_password=relay.password,
                    turn_ssl=relay.tls,
                    turn_transport=relay.transport,
                )
        except (OSError, TransactionError, TimeoutError) as error:
            reason = f"{type(error).__name__}: {error}"
            log.warning("the TURN server %s lends no address: %s", relay.host, reason)
            return []
        self._protocols.append(protocol)
        return [candidate]

    async def _bound(self, address: str) -> StunProtocol | None:
        """A socket on this address; None where all ports are taken."""
        loop = asyncio.get_running_loop()
        for port in self.sockets.ports_to_try():
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(address, port)
                )
            except OSError:
                continue
            socket = transport.get_extra_info("socket")
            socket.setsockopt(SOL_SOCKET, SO_RCVBUF, UDP_SOCKET_BUFFER_SIZE)
            return protocol
        return None

    async def sendto(self, data: bytes, component: int) -> None:
        pair = self._nominated.get(component)
        transport = pair.protocol.transport if pair is not None else None
        waiting = getattr(transport, "get_write_buffer_size", None)  # a relay's has none
        if waiting is not None and waiting() > MOST_UNSENT:
            self.unsent += 1
            return
        await super().sendto(data, component)

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        if remote_candidate is None or len(self._remote_candidates) >= MOST_TRIED:
            return
        kind = remote_candidate.component, remote_candidate.transport.lower()
        if kind == (1, "udp") and self.permits(remote_candidate.host, remote_candidate.port):
            await super().add_remote_candidate(remote_candidate)

    def check_incoming(
        self, message: Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        known = any((c._network_host, c.port) == addr for c in self._remote_candidates)
        if known or len(self._remote_candidates) < 2 * MOST_TRIED:
            super().check_incoming(message, addr, protocol)

    async def query_consent(self) -> None:
        failures = 0
        while failures < self.consent_failures:
            if not failures:
                await asyncio.sleep(self.consent_interval_s * (0.8 + 0.4 * random.random()))
            failures = 0 if await self._has_consent() else failures + 1
        self._query_consent_task = None  # close() must not wait for this very task
        await self.close()

    async def _has_consent(self) -> bool:
        assert self.remote_password is not None  # known before checks begin
        for pair in list(self._nominated.values()):
            request = self.build_request(pair, nominate=False)
            key = self.remote_password.encode()
            try:
                await pair.protocol.request(request, pair.remote_addr, key, retransmissions=0)
            except TransactionError:
                return False
        return True


def _host_candidate(component: int, host: str, port: int) -> Candidate:
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host"),
        host=host,
        port=port,
        type="host",
    )


def adopt_connection(
    transceiver: RTCRtpTransceiver,
    consent_interval_s: float,
    consent_failures: int,
    permits: Callable[[str, int], bool],
    sockets: Sockets,
) -> ViewerConnection:
    """Turn the ICE connection under a new transceiver into a `ViewerConnection`."""
    connection = transceiver.receiver.transport.transport._connection
    connection.__class__ = ViewerConnection
    assert isinstance(connection, ViewerConnection)
    connection.consent_interval_s = consent_interval_s
    connection.consent_failures = consent_failures
    connection.permits = permits
    connection.sockets = sockets
    connection.unsent = 0
    return connection
