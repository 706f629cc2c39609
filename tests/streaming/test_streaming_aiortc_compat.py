"""Each reach-in into aiortc and aioice, held in place. A new version of either library that
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
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
    unpack_header_extensions,
)
from streaming_harness import HeadlessViewer
from virtual_time import run_virtual

from lightcone.streaming import StreamSettings
from lightcone.streaming.errors import NoSocket
from lightcone.streaming.packets import VideoCodec
from lightcone.streaming.viewers.aioice_compat import (
    LOOPBACK,
    MOST_TRIED,
    MOST_UNSENT,
    ViewerConnection,
    adopt_connection,
)
from lightcone.streaming.viewers.aiortc_compat import (
    PLAYOUT_DELAY_URI,
    RESENT_BURST,
    MediaSender,
    Packetizer,
    PlayoutDelayExtensions,
    accept_extension,
    adopt_sender,
    close_peer,
    negotiated_codec,
)
from lightcone.streaming.viewers.congestion.feedback import Limit, Reception, Report
from lightcone.streaming.viewers.fanout import (
    MediaPacket,
    PacketQueue,
)
from lightcone.streaming.viewers.sockets import Sockets, parse_ports

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
CODEC = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=101)
PARAMETERS = RTCRtpSendParameters(
    codecs=[CODEC],
    headerExtensions=[
        RTCRtpHeaderExtensionParameters(id=1, uri=MID_URI),
        RTCRtpHeaderExtensionParameters(id=5, uri=PLAYOUT_DELAY_URI),
    ],
    muxId="0",
)


class Wire:
    """A DTLS transport that keeps what is sent."""

    state = "connected"
    _stats_id = "wire"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def _send_rtp(self, data: bytes) -> None:
        self.sent.append(data)

    def _register_rtp_sender(self, sender: object, parameters: object) -> None: ...

    def _unregister_rtp_sender(self, sender: object) -> None: ...

    @property
    def rtp(self) -> list[RtpPacket]:
        names = HeaderExtensionsMap()
        names.configure(PARAMETERS)
        return [RtpPacket.parse(data, names) for data in self.sent if not is_rtcp(data)]

    @property
    def reports(self) -> list[RtcpSrPacket]:
        packets = [p for data in self.sent if is_rtcp(data) for p in RtcpPacket.parse(data)]
        return [packet for packet in packets if isinstance(packet, RtcpSrPacket)]


def media(timestamp: int, *payloads: bytes, ntp: int = 0) -> MediaPacket:
    return MediaPacket(payloads or (b"x",), timestamp, ntp, keyframe=True)


def sender(wire: Any, packets: PacketQueue, lost: list[str] | None = None) -> MediaSender:
    log: list[str] = [] if lost is None else lost
    return MediaSender("video", wire, packets, (0, 0), lambda: log.append("lost"))


@pytest.mark.parametrize(
    ("codec", "depayload"),
    [(VideoCodec.H264, h264_depayload), (VideoCodec.VP8, vp8_depayload)],
)
def test_packetizer_cuts_pictures_that_can_be_put_together(
    codec: VideoCodec, depayload: Any
) -> None:
    data = b"\0\0\0\1\x65" + bytes(range(1, 256)) * 20
    payloads = Packetizer(codec)(data)
    assert len(payloads) > 3
    assert max(map(len, payloads)) <= 1300
    assert b"".join(map(depayload, payloads)) == data


@pytest.mark.parametrize(
    ("delay_ms", "value"),
    [((0, 0), b"\0\0\0"), ((0, 100), b"\0\0\x0a"), ((40, 200), b"\0\x40\x14")],
)
def test_playout_delay_is_added_to_the_other_extensions(
    delay_ms: tuple[int, int], value: bytes
) -> None:
    extensions = PlayoutDelayExtensions(delay_ms)
    packet = RtpPacket()
    packet.extensions.mid = "0"
    assert extensions.set(packet.extensions) == (0, b"")
    extensions.configure(PARAMETERS)
    found = unpack_header_extensions(*extensions.set(packet.extensions))
    assert found == [(1, b"0"), (5, value)]


def test_timestamps_have_no_random_origin() -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = sender(wire, packets)
        await line.send(PARAMETERS)
        packets.put(media(0, b"a", b"b", b"c"))
        packets.put(media(3750, b"d"))
        await asyncio.sleep(0.01)
        await line.stop()
        rtp = wire.rtp
        assert [p.timestamp for p in rtp] == [0, 0, 0, 3750]
        assert [p.payload for p in rtp] == [b"a", b"b", b"c", b"d"]
        assert [p.marker for p in rtp] == [0, 0, 1, 1]
        assert {(p.payload_type, p.ssrc, p.extensions.mid) for p in rtp} == {(101, line._ssrc, "0")}
        assert [p.sequence_number - rtp[0].sequence_number for p in rtp] == [0, 1, 2, 3]

    run_virtual(scenario())


def test_sender_reports_carry_the_time_at_which_media_is_due() -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = sender(wire, packets)
        await line.send(PARAMETERS)
        packets.put(media(90_000, b"abc", ntp=77 << 32))
        await asyncio.sleep(2)  # reports go out every 0.5 to 1.5 s
        await line.stop()
        report = wire.reports[0].sender_info
        assert (report.ntp_timestamp, report.rtp_timestamp) == (77 << 32, 90_000)
        assert (report.packet_count, report.octet_count) == (1, 3)

    run_virtual(scenario())


def test_picture_loss_is_handed_on() -> None:
    async def scenario() -> None:
        lost: list[str] = []
        line = sender(Wire(), PacketQueue(), lost)
        await line._handle_rtcp_packet(RtcpPsfbPacket(RTCP_PSFB_PLI, 1, line._ssrc))
        assert lost == ["lost"]

    run_virtual(scenario())


def test_lost_packets_are_sent_again() -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = sender(wire, packets)
        await line.send(PARAMETERS)
        packets.put(media(0, b"a", b"b"))
        await asyncio.sleep(0.01)
        lost = wire.rtp[1].sequence_number
        await line._handle_rtcp_packet(RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, line._ssrc, [lost]))
        again = wire.rtp[2]
        await line.stop()
        assert (again.sequence_number, again.payload) == (lost, b"b")

    run_virtual(scenario())


def test_what_a_viewer_says_of_its_line_is_handed_on() -> None:
    async def scenario() -> None:
        heard: list[Report] = []
        line = MediaSender(
            "video",
            Wire(),
            PacketQueue(),
            (0, 0),
            lambda: None,
            heard.append,  # type: ignore[arg-type]
        )
        ours, other = line._ssrc, line._ssrc ^ 1
        about = RtcpReceiverInfo(ours, 77, 12, 70_000, 5, 0, 0)
        for packet in (
            RtcpRrPacket(9, [RtcpReceiverInfo(other, 0, 99, 1, 0, 0, 0), about]),
            RtcpPsfbPacket(RTCP_PSFB_APP, 9, 0, pack_remb_fci(255_000, [other, ours])),
            RtcpPsfbPacket(RTCP_PSFB_APP, 9, 0, pack_remb_fci(1_000, [other])),
            RtcpPsfbPacket(RTCP_PSFB_APP, 9, 0, b"another..one"),
        ):
            (parsed,) = RtcpPacket.parse(bytes(packet))
            await line._handle_rtcp_packet(parsed)
        assert heard[0] == Reception(70_000, 12)
        (limit,) = heard[1:]
        assert isinstance(limit, Limit)
        assert limit.bits == pytest.approx(255_000, rel=0.001)

    run_virtual(scenario())


def test_what_is_sent_again_is_a_share_of_what_is_sent() -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = sender(wire, packets)
        await line.send(PARAMETERS)
        packets.put(media(0, bytes(1000)))
        await asyncio.sleep(0.01)
        lost = wire.rtp[0].sequence_number
        nack = RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, line._ssrc, [lost])
        for _ in range(200):
            await line._handle_rtcp_packet(nack)
        await line.stop()
        assert RESENT_BURST <= sum(len(p.payload) for p in wire.rtp[1:]) <= RESENT_BURST + 1000

    run_virtual(scenario())


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


def test_a_sender_stops_when_its_transport_is_gone() -> None:
    class CutWire(Wire):
        async def _send_rtp(self, data: bytes) -> None:
            raise ConnectionError

    async def scenario() -> None:
        packets = PacketQueue()
        line = sender(CutWire(), packets)
        await line.send(PARAMETERS)
        packets.put(media(0))
        await asyncio.sleep(0.01)
        await line.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(scenario())


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


async def test_sender_extension_and_codec_are_in_the_answer() -> None:
    viewer = HeadlessViewer("VP8", audio=False)
    lines = (await viewer.offer()).splitlines()
    lines.insert(lines.index("a=recvonly") + 1, f"a=extmap:9 {PLAYOUT_DELAY_URI}")
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = peer.addTransceiver("video", direction="sendonly")
    offer = RTCSessionDescription(sdp="\r\n".join(lines) + "\r\n", type="offer")
    await peer.setRemoteDescription(offer)
    line = adopt_sender(transceiver, PacketQueue())
    extension = RTCRtpHeaderExtensionParameters(id=9, uri=PLAYOUT_DELAY_URI)
    accept_extension(transceiver, [extension], PLAYOUT_DELAY_URI)
    answer = (await peer.createAnswer()).sdp
    assert transceiver.sender is line
    assert f"a=ssrc:{line._ssrc} cname:" in answer
    assert f"a=extmap:9 {PLAYOUT_DELAY_URI}" in answer
    assert negotiated_codec(transceiver) == "VP8"
    await viewer.close()
    await close_peer(peer)


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


@pytest.mark.parametrize("text", ["50000", "1-2", "60000-50000", "a-b", "50000-70000"])
def test_what_is_no_range_of_ports(text: str) -> None:
    with pytest.raises(ValueError, match="is no range of ports"):
        parse_ports(text)


def test_a_range_of_ports() -> None:
    assert parse_ports("") is None
    assert parse_ports("50000-50100") == (50000, 50100)
    assert sorted(Sockets(ports=(50000, 50002)).ports_to_try()) == [50000, 50001, 50002]
