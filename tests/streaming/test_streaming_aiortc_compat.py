"""Each reach-in into aiortc, held in place. A new version of the library that
moves a private part fails here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
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
    unwrap_rtx,
)
from streaming_harness import HeadlessViewer
from virtual_time import run_virtual

from lightcone.streaming.packets import VideoCodec
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

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
CODEC = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=101)
RTX = RTCRtpCodecParameters(
    mimeType="video/rtx", clockRate=90000, payloadType=102, parameters={"apt": 101}
)
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


@pytest.mark.parametrize("again", [False, True])
def test_each_packet_is_sent_twice_where_that_is_wanted(again: bool) -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = MediaSender(
            "video",
            wire,
            packets,
            (0, 0),
            lambda: None,
            repeats=lambda: again,  # type: ignore[arg-type]
        )
        await line.send(replace(PARAMETERS, codecs=[CODEC, RTX]))
        packets.put(media(0, b"a", b"b"))
        await asyncio.sleep(0.01)
        await line.stop()
        firsts = [p for p in wire.rtp if p.payload_type == CODEC.payloadType]
        copies = [p for p in wire.rtp if p.payload_type == RTX.payloadType]
        assert [p.payload for p in firsts] == [b"a", b"b"]
        assert line.repeated == len(copies) == (2 if again else 0)
        for first, copy in zip(firsts, copies, strict=False):
            restored = unwrap_rtx(copy, CODEC.payloadType or 0, line._ssrc)
            assert (restored.sequence_number, restored.payload) == (
                first.sequence_number,
                first.payload,
            )

    run_virtual(scenario())


def test_nothing_is_sent_twice_to_who_knows_no_retransmissions() -> None:
    async def scenario() -> None:
        wire, packets = Wire(), PacketQueue()
        line = MediaSender(
            "video",
            wire,
            packets,
            (0, 0),
            lambda: None,
            repeats=lambda: True,  # type: ignore[arg-type]
        )
        await line.send(PARAMETERS)
        packets.put(media(0, b"a", b"b"))
        await asyncio.sleep(0.01)
        await line.stop()
        assert (len(wire.rtp), line.repeated) == (2, 0)

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
