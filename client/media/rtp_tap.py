"""Every reach-in into private parts of aiortc 1.16 on the receiving side, and nothing else.

aiortc hands out pictures one late (a picture is whole to it when the next one begins) and
sound after a prefetch of four packets. What is measured here is when packets arrive.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.codecs import depayload
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci

from lightcone.client.media.rtp import Packet

OnPacket = Callable[[Packet], bool]
"""Returns whether a keyframe is needed."""


class TappedReceiver(RTCRtpReceiver):
    """Hands each RTP packet to `on_packet` and decodes nothing. Receiver reports go on, and so do
    estimates of what the line carries (REMB)."""

    _RTCRtpReceiver__codecs: dict[int, RTCRtpCodecParameters]
    _RTCRtpReceiver__remote_bitrate_estimator: RemoteBitrateEstimator | None
    _RTCRtpReceiver__remote_streams: dict[int, StreamStatistics]
    _RTCRtpReceiver__rtcp_ssrc: int | None

    on_packet: OnPacket
    codec: str

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        arrived = time.monotonic()
        codec = self._RTCRtpReceiver__codecs.get(packet.payload_type)
        if codec is None or not packet.payload:
            return
        streams = self._RTCRtpReceiver__remote_streams
        if packet.ssrc not in streams:
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
        await self._estimate(packet, arrival_time_ms)
        if codec.name.lower() == "rtx":
            return
        self.codec = codec.name
        data = depayload(codec, packet.payload)
        seen = Packet(packet.sequence_number, packet.timestamp, bool(packet.marker), data, arrived)
        if self.on_packet(seen):
            await self._send_rtcp_pli(packet.ssrc)

    async def _estimate(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        estimator = self._RTCRtpReceiver__remote_bitrate_estimator
        ssrc = self._RTCRtpReceiver__rtcp_ssrc
        sent = packet.extensions.abs_send_time
        if estimator is None or ssrc is None or sent is None:
            return
        size = len(packet.payload) + packet.padding_size
        remb = estimator.add(arrival_time_ms, sent, size, packet.ssrc)
        if remb is not None:
            await self._send_rtcp(RtcpPsfbPacket(RTCP_PSFB_APP, ssrc, 0, pack_remb_fci(*remb)))


def tap(transceiver: RTCRtpTransceiver, on_packet: OnPacket) -> TappedReceiver:
    """Turn the receiver of a new transceiver into a `TappedReceiver`."""
    receiver = transceiver.receiver
    receiver.__class__ = TappedReceiver
    assert isinstance(receiver, TappedReceiver)
    receiver.on_packet = on_packet
    receiver.codec = ""
    return receiver
