"""Every reach-in into private parts of aiortc 1.16 and aioice, and nothing else.

All of it acts on single objects, by subclass; no module of either library is changed. Each
reach-in is held by a test in tests/streaming/test_streaming_aiortc_compat.py, so that a new
version of either library that moves a private part fails there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from socket import SO_RCVBUF, SOL_SOCKET
from struct import pack
from typing import Any

import av
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol
from aioice.stun import Message, TransactionError
from aioice.turn import UDP_SOCKET_BUFFER_SIZE
from aiortc import RTCPeerConnection, RTCRtpSender, RTCRtpTransceiver
from aiortc.clock import current_ntp_time
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.rtcrtpsender import random_sequence_number
from aiortc.rtp import (
    RTP_HISTORY_SIZE,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtpPacket,
    pack_header_extensions,
    unpack_header_extensions,
)
from aiortc.utils import uint16_add

from lightcone.streaming.errors import NoSocket
from lightcone.streaming.packets import VideoCodec
from lightcone.streaming.viewers.fanout import MediaPacket, PacketQueue
from lightcone.streaming.viewers.sockets import Sockets

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
LOOPBACK = "127.0.0.1"
MOST_TRIED = 8  # addresses that a viewer names, and as many that its checks come from


class Packetizer:
    """Cuts encoded pictures of one codec into RTP payloads (RFC 6184, RFC 7741)."""

    def __init__(self, codec: VideoCodec) -> None:
        self._encoder: Encoder = H264Encoder() if codec is VideoCodec.H264 else Vp8Encoder()

    def __call__(self, data: bytes) -> tuple[bytes, ...]:
        packet: av.Packet[Any] = av.Packet(data)
        packet.pts, packet.time_base = 0, VIDEO_TIME_BASE  # `pack` asks for both
        payloads, _ = self._encoder.pack(packet)
        return tuple(payloads)


class PlayoutDelayExtensions(HeaderExtensionsMap):
    """RTP header extensions with the playout delay added to every packet, if negotiated.

    The value is two 12-bit numbers in units of 10 ms: the least and the greatest delay
    (https://webrtc.googlesource.com/src/+/main/docs/native-code/rtp-hdrext/playout-delay).
    """

    def __init__(self, delay_ms: tuple[int, int]) -> None:
        super().__init__()
        least, greatest = delay_ms
        self._value = pack("!L", least // 10 << 12 | greatest // 10)[1:]
        self._id: int | None = None

    def configure(self, parameters: RTCRtpParameters) -> None:
        super().configure(parameters)
        for extension in parameters.headerExtensions:
            if extension.uri == PLAYOUT_DELAY_URI:
                self._id = extension.id

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        profile, block = super().set(values)
        if self._id is None:
            return profile, block
        extensions = unpack_header_extensions(profile, block)
        return pack_header_extensions([*extensions, (self._id, self._value)])


class MediaSender(RTCRtpSender):
    """Sends ready packets from a queue, with the RTP timestamps they carry.

    Differs from its base in this: nothing is encoded here; timestamps have no random origin;
    sender reports pair a timestamp with the time at which it is due instead of the time at
    which it was sent; a picture-loss report is handed to `on_keyframe_wanted`.
    """

    # The base keeps these to itself; its methods for RTCP, retransmission and stop() use them.
    _RTCRtpSender__mid: str | None
    _RTCRtpSender__ntp_timestamp: int
    _RTCRtpSender__octet_count: int
    _RTCRtpSender__packet_count: int
    _RTCRtpSender__rtp_exited: asyncio.Event
    _RTCRtpSender__rtp_header_extensions_map: HeaderExtensionsMap
    _RTCRtpSender__rtp_history: dict[int, RtpPacket]
    _RTCRtpSender__rtp_started: asyncio.Event
    _RTCRtpSender__rtp_timestamp: int

    def __init__(
        self,
        kind: str,
        transport: RTCDtlsTransport,
        packets: PacketQueue,
        playout_delay_ms: tuple[int, int],
        on_keyframe_wanted: Callable[[], None],
    ) -> None:
        super().__init__(kind, transport)
        self._packets = packets
        self._on_keyframe_wanted = on_keyframe_wanted
        self._extensions = PlayoutDelayExtensions(playout_delay_ms)
        self._RTCRtpSender__rtp_header_extensions_map = self._extensions

    def _send_keyframe(self) -> None:
        self._on_keyframe_wanted()

    async def _run_rtp(self, codec: RTCRtpCodecParameters) -> None:
        self._RTCRtpSender__rtp_started.set()
        sequence_number = random_sequence_number()
        try:
            while True:
                media = await self._packets.get()
                last = len(media.payloads) - 1
                for i, payload in enumerate(media.payloads):
                    packet = self._rtp_packet(codec, sequence_number, media, payload, i == last)
                    history = self._RTCRtpSender__rtp_history
                    history[sequence_number % RTP_HISTORY_SIZE] = packet
                    await self.transport._send_rtp(packet.serialize(self._extensions))
                    sequence_number = uint16_add(sequence_number, 1)
                    self._RTCRtpSender__packet_count += 1
                    self._RTCRtpSender__octet_count += len(payload)
                self._RTCRtpSender__ntp_timestamp = media.ntp
                self._RTCRtpSender__rtp_timestamp = media.timestamp
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._RTCRtpSender__rtp_exited.set()  # stop() waits for it

    def _rtp_packet(
        self,
        codec: RTCRtpCodecParameters,
        sequence_number: int,
        media: MediaPacket,
        payload: bytes,
        last: bool,
    ) -> RtpPacket:
        packet = RtpPacket(
            payload_type=codec.payloadType or 0,
            marker=int(last),
            sequence_number=sequence_number,
            timestamp=media.timestamp,
            ssrc=self._ssrc,
            payload=payload,
        )
        packet.extensions.abs_send_time = (current_ntp_time() >> 14) & 0x00FFFFFF
        packet.extensions.mid = self._RTCRtpSender__mid
        return packet


class ViewerConnection(Connection):
    """ICE towards one viewer. An existing connection becomes one by `adopt_connection`.

    Differs from its base in this: candidates are those of `sockets`, and the loopback address is
    one too, so that a server without a network works; of the viewer's candidates those that
    `permits` (host, port) are tried, `MOST_TRIED` at most, as its own checks bring its address
    anyway (RFC 8445 section 7.3.1.3); so the end of its candidates is not the end of hope; of
    addresses that such checks bring, `MOST_TRIED` are answered with a check; consent is checked
    (RFC 7675) every `consent_interval_s`, and after a check without an answer at once again, up to
    `consent_failures`: a viewer that vanished is noticed within seconds, and one behind a network
    that loses a packet in ten each way stays, as so many lost in a row are too unlikely.
    """

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
        if not found:
            raise NoSocket("no UDP port is free, or none of the addresses is this machine's")
        return found

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
) -> None:
    """Turn the ICE connection under a new transceiver into a `ViewerConnection`."""
    connection = transceiver.receiver.transport.transport._connection
    connection.__class__ = ViewerConnection
    assert isinstance(connection, ViewerConnection)
    connection.consent_interval_s = consent_interval_s
    connection.consent_failures = consent_failures
    connection.permits = permits
    connection.sockets = sockets


def adopt_sender(
    transceiver: RTCRtpTransceiver,
    packets: PacketQueue,
    playout_delay_ms: tuple[int, int] = (0, 0),
    on_keyframe_wanted: Callable[[], None] = lambda: None,
) -> MediaSender:
    """Put a `MediaSender` in the place of a new transceiver's sender."""
    old = transceiver.sender
    sender = MediaSender(
        transceiver.kind, old.transport, packets, playout_delay_ms, on_keyframe_wanted
    )
    sender._stream_id = old._stream_id
    vars(transceiver)["_RTCRtpTransceiver__sender"] = sender
    transceiver.receiver._set_rtcp_ssrc(sender._ssrc)
    return sender


def accept_extension(
    transceiver: RTCRtpTransceiver, offered: Sequence[RTCRtpHeaderExtensionParameters], uri: str
) -> None:
    """Put the header extension `uri` into the answer if it was offered. To be called between
    `setRemoteDescription` and `createAnswer`."""
    for extension in offered:
        if extension.uri == uri:
            transceiver._headerExtensions.append(extension)


def negotiated_codec(transceiver: RTCRtpTransceiver) -> str:
    """Name of the codec that will be sent, as in SDP. Known after `setRemoteDescription`."""
    return transceiver._codecs[0].name


async def close_peer(peer: RTCPeerConnection) -> None:
    """Close, and wait until the task in which aiortc connects is through as well, so that none
    is left pending when the loop ends."""
    await peer.close()
    for transceiver in peer.getTransceivers():
        ice = transceiver.receiver.transport.transport
        connecting: asyncio.Event | None = vars(ice)["_RTCIceTransport__start"]
        if connecting is not None:
            await connecting.wait()
