"""Every reach-in into private parts of aiortc 1.16, and nothing else; those into aioice are in
`aioice_compat.py`.

All of it acts on single objects, by subclass; no module of the library is changed. Each
reach-in is held by a test in tests/streaming/test_streaming_aiortc_compat.py, so that a new
version of the library that moves a private part fails there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from struct import pack
from typing import Any

import av
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
    RTCP_PSFB_APP,
    RTP_HISTORY_SIZE,
    AnyRtcpPacket,
    HeaderExtensions,
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_header_extensions,
    unpack_header_extensions,
    unpack_remb_fci,
)
from aiortc.utils import uint16_add

from lightcone.streaming.packets import VideoCodec
from lightcone.streaming.viewers.congestion.feedback import Limit, Reception, Report
from lightcone.streaming.viewers.fanout import MediaPacket, PacketQueue

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
RESENT_SHARE, RESENT_BURST = 0.25, 32 * 1024  # bytes sent again, of those sent


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
    which it was sent; a picture-loss report is handed to `on_keyframe_wanted`, what the receiver
    says about its line to `on_report`; what is sent again because it was lost, is at most a share
    of what is sent, so that it does not fill a line that is full already; while `repeats` says so,
    each packet is followed by a copy as a retransmission (RFC 4588), where that was negotiated.
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
    _RTCRtpSender__rtx_payload_type: int | None

    def __init__(
        self,
        kind: str,
        transport: RTCDtlsTransport,
        packets: PacketQueue,
        playout_delay_ms: tuple[int, int],
        on_keyframe_wanted: Callable[[], None],
        on_report: Callable[[Report], None] = lambda report: None,
        repeats: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(kind, transport)
        self._packets = packets
        self._on_keyframe_wanted = on_keyframe_wanted
        self._on_report = on_report
        self._repeats = repeats
        self.repeated = 0  # packets
        self._resend = float(RESENT_BURST)  # bytes that may be sent again now
        self._extensions = PlayoutDelayExtensions(playout_delay_ms)
        self._RTCRtpSender__rtp_header_extensions_map = self._extensions

    def _send_keyframe(self) -> None:
        self._on_keyframe_wanted()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        for report in read_reports(packet, self._ssrc):
            self._on_report(report)
        await super()._handle_rtcp_packet(packet)

    async def _retransmit(self, sequence_number: int) -> None:
        if self._resend <= 0:
            return
        packet = self._RTCRtpSender__rtp_history.get(sequence_number % RTP_HISTORY_SIZE)
        if packet is not None and packet.sequence_number == sequence_number:
            self._resend -= len(packet.payload)
            await super()._retransmit(sequence_number)

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
                    self._resend = min(self._resend + RESENT_SHARE * len(payload), RESENT_BURST)
                await self._repeat(uint16_add(sequence_number, -len(media.payloads)), last + 1)
                self._RTCRtpSender__ntp_timestamp = media.ntp
                self._RTCRtpSender__rtp_timestamp = media.timestamp
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._RTCRtpSender__rtp_exited.set()  # stop() waits for it

    async def _repeat(self, first: int, count: int) -> None:
        """Send so many packets from this sequence number on once more, if that is wanted."""
        if self._RTCRtpSender__rtx_payload_type is None or not self._repeats():
            return
        for i in range(count):
            await super()._retransmit(uint16_add(first, i))
        self.repeated += count

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


def read_reports(packet: AnyRtcpPacket, ssrc: int) -> list[Report]:
    """What an RTCP packet says of the stream `ssrc`: receiver reports (RFC 3550 section 6.4), REMB.
    What can not be read says nothing."""
    if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
        about = (report for report in packet.reports if report.ssrc == ssrc)
        return [Reception(report.highest_sequence, report.packets_lost) for report in about]
    if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
        try:
            bits, ssrcs = unpack_remb_fci(packet.fci)
        except ValueError:
            return []
        return [Limit(bits)] if ssrc in ssrcs else []
    return []


def adopt_sender(
    transceiver: RTCRtpTransceiver,
    packets: PacketQueue,
    playout_delay_ms: tuple[int, int] = (0, 0),
    on_keyframe_wanted: Callable[[], None] = lambda: None,
    on_report: Callable[[Report], None] = lambda report: None,
    repeats: Callable[[], bool] = lambda: False,
) -> MediaSender:
    """Put a `MediaSender` in the place of a new transceiver's sender."""
    old = transceiver.sender
    sender = MediaSender(
        transceiver.kind, old.transport, packets, playout_delay_ms, on_keyframe_wanted, on_report,
        repeats,
    )  # fmt: skip
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
