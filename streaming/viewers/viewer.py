"""One viewer: a WHEP connection that only sends (draft-ietf-wish-whep)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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
from lightcone.streaming.viewers.aiortc_compat import (
    PLAYOUT_DELAY_URI,
    accept_extension,
    adopt_connection,
    adopt_sender,
    close_peer,
    negotiated_codec,
)
from lightcone.streaming.viewers.fanout import PacketQueue
from lightcone.streaming.viewers.offers import parse_offer
from lightcone.streaming.viewers.reach import Reach
from lightcone.streaming.viewers.stats import StreamStats

# Best first. Constrained baseline is what is sent; a decoder of plain baseline reads it too.
_VIDEO_PREFERENCE = (("H264", "42e01f"), ("H264", "42001f"), ("VP8", None), ("rtx", None))


@dataclass
class Viewer:
    """The connection to one viewer and the packets that wait for it. `video_codec` is None
    where only sound was asked for."""

    id: str
    peer: RTCPeerConnection
    answer: str
    video_codec: VideoCodec | None
    video: PacketQueue
    sound: PacketQueue
    hears: bool
    connected: bool = False
    deadline: asyncio.TimerHandle | None = None  # when it is let go unless connected by then
    closing: asyncio.Task[None] | None = None

    def stats(self) -> StreamStats:
        """What this viewer was sent, and what not."""
        return StreamStats(
            picture_packets=self.video.taken_payloads,
            picture_bytes=self.video.taken_bytes,
            sound_packets=self.sound.taken_payloads,
            sound_bytes=self.sound.taken_bytes,
            dropped_slow=self.video.dropped + self.sound.dropped,
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
    on_keyframe_wanted: Callable[[VideoCodec], None],
) -> Viewer:
    """Answer a viewer's offer; the answer holds all candidates. Of the viewer's, those that `reach`
    permits are tried. Nothing is sent before the
    caller puts packets into the viewer's queues. `on_keyframe_wanted` hears of every picture
    the viewer reports as lost. Where the session has no sound, a section for it is answered as
    inactive.

    Raises BadOffer, UnsupportedCodec and NoSocket.
    """
    offer = parse_offer(sdp)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    video, sound = PacketQueue(settings.queue_limit), PacketQueue(settings.queue_limit)
    transceivers = [_prepare(peer, media.kind, reach, settings, has_sound) for media in offer.media]
    video_codec: VideoCodec | None = None
    try:
        await peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
        for transceiver, media in zip(transceivers, offer.media, strict=True):
            if media.kind == "audio":
                adopt_sender(transceiver, sound)
                continue
            video_codec = VideoCodec(negotiated_codec(transceiver))
            lost = partial(on_keyframe_wanted, video_codec)
            adopt_sender(transceiver, video, settings.playout_delay_ms, lost)
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
    return Viewer(viewer_id, peer, answer, video_codec, video, sound, hears)


def _prepare(
    peer: RTCPeerConnection, kind: str, reach: Reach, settings: StreamSettings, has_sound: bool
) -> RTCRtpTransceiver:
    sends = has_sound or kind == "video"
    transceiver = peer.addTransceiver(kind, direction="sendonly" if sends else "inactive")
    transceiver.setCodecPreferences(_preferred_codecs(kind))
    adopt_connection(
        transceiver,
        settings.consent_interval_s,
        settings.consent_failures,
        reach.permits,
        settings.sockets,
    )
    return transceiver


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
