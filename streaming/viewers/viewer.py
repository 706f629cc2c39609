"""One viewer: a WHEP connection that only sends (draft-ietf-wish-whep)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from lightcone.streaming.errors import BadOffer, NoSocket, UnsupportedCodec
from lightcone.streaming.format import StreamSettings
from lightcone.streaming.packets import VideoCodec
from lightcone.streaming.viewers.aioice_compat import ViewerConnection, adopt_connection
from lightcone.streaming.viewers.aiortc_compat import (
    PLAYOUT_DELAY_URI,
    MediaSender,
    accept_extension,
    adopt_sender,
    close_peer,
    negotiated_codec,
)
from lightcone.streaming.viewers.congestion.feedback import Report
from lightcone.streaming.viewers.congestion.picture_lanes import Watcher
from lightcone.streaming.viewers.fanout import PacketQueue
from lightcone.streaming.viewers.offers import parse_offer
from lightcone.streaming.viewers.reach import Reach
from lightcone.streaming.viewers.stats import StreamStats

# Best first. Constrained baseline is what is sent; a decoder of plain baseline reads it too.
_VIDEO_PREFERENCE = (("H264", "42e01f"), ("H264", "42001f"), ("VP8", None), ("rtx", None))


@dataclass
class Viewer:
    """The connection to one viewer and the packets that wait for it. `watcher.codec` is None where
    only sound was asked for."""

    id: str
    peer: RTCPeerConnection
    answer: str
    watcher: Watcher
    sound: PacketQueue
    hears: bool
    connections: list[ViewerConnection]
    pictures: MediaSender | None  # None where only sound was asked for
    connected: bool = False
    deadline: asyncio.TimerHandle | None = None  # when it is let go unless connected by then
    closing: asyncio.Task[None] | None = None

    def stats(self) -> StreamStats:
        """What this viewer was sent, and what not."""
        return StreamStats(
            picture_packets=self.watcher.queue.taken_payloads,
            picture_bytes=self.watcher.queue.taken_bytes,
            sound_packets=self.sound.taken_payloads,
            sound_bytes=self.sound.taken_bytes,
            dropped_slow=self.watcher.queue.dropped + self.sound.dropped,
            picture_repeats=0 if self.pictures is None else self.pictures.repeated,
            dropped_unsent=sum(connection.unsent for connection in self.connections),
        )

    def forget_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


async def answer_offer(
    viewer_id: str,
    sdp: str,
    reach: Reach,
    settings: StreamSettings,
    has_sound: bool,
    watcher: Watcher,
    on_lost: Callable[[], None],
    on_report: Callable[[Report], None],
) -> Viewer:
    """Answer a viewer's offer; the answer holds all candidates. Of the viewer's, those that `reach`
    permits are tried. Nothing is sent before the caller puts packets into the queues of `watcher`,
    which gets its codec here, and of the sound. `on_lost` hears of every picture that the viewer
    reports as lost, `on_report` what it says of its line. Where the session has no sound, a section
    for it is answered as inactive.

    Raises BadOffer, UnsupportedCodec and NoSocket.
    """
    offer = parse_offer(sdp)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sound = PacketQueue(settings.queue_limit)
    transceivers = [_prepare(peer, media.kind, has_sound) for media in offer.media]
    connections = [_adopt(transceiver, reach, settings) for transceiver in transceivers]
    pictures: MediaSender | None = None
    try:
        await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
        for transceiver, media in zip(transceivers, offer.media, strict=True):
            if media.kind == "audio":
                adopt_sender(transceiver, sound)
                continue
            watcher.codec = VideoCodec(negotiated_codec(transceiver))
            delay_ms = settings.playout_delay_ms
            pictures = adopt_sender(
                transceiver, watcher.queue, delay_ms, on_lost, on_report,
                lambda: watcher.repeats.wanted,
            )  # fmt: skip
            accept_extension(transceiver, media.rtp.headerExtensions, PLAYOUT_DELAY_URI)
        await peer.setLocalDescription(await peer.createAnswer())
    except BaseException as error:
        await close_peer(peer)
        if isinstance(error, OperationError):
            raise UnsupportedCodec("no codec sent here is offered (H264 or VP8, Opus)") from error
        if isinstance(error, NoSocket) or not isinstance(error, Exception):
            raise
        # aiortc's reading of the offer may fail in many ways
        raise BadOffer("the offer cannot be answered") from error
    answer = peer.localDescription.sdp
    hears = has_sound and any(media.kind == "audio" for media in offer.media)
    return Viewer(viewer_id, peer, answer, watcher, sound, hears, connections, pictures)


def _prepare(peer: RTCPeerConnection, kind: str, has_sound: bool) -> RTCRtpTransceiver:
    sends = has_sound or kind == "video"
    transceiver = peer.addTransceiver(kind, direction="sendonly" if sends else "inactive")
    transceiver.setCodecPreferences(_preferred_codecs(kind))
    return transceiver


def _adopt(
    transceiver: RTCRtpTransceiver, reach: Reach, settings: StreamSettings
) -> ViewerConnection:
    return adopt_connection(
        transceiver,
        settings.consent_interval_s,
        settings.consent_failures,
        reach.permits,
        settings.sockets,
    )


def _preferred_codecs(kind: str) -> list[RTCRtpCodecCapability]:
    known = RTCRtpSender.getCapabilities(kind).codecs
    if kind == "audio":
        return [codec for codec in known if codec.name == "opus"]
    return [
        codec
        for name, profile in _VIDEO_PREFERENCE
        for codec in known
        if codec.name == name and codec.parameters.get("profile-level-id") == profile
    ]
