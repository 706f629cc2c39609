"""What a worker encoded, as the stream sends it."""

from __future__ import annotations

from collections.abc import Mapping

from lightcone.server.worker import messages as wire
from lightcone.streaming import EncodedPicture, EncodedSound, VideoCodec

CODECS: Mapping[VideoCodec, wire.Codec] = {VideoCodec.H264: "H264", VideoCodec.VP8: "VP8"}
"""As the worker names them."""


def encoded(packet: wire.Picture | wire.Sound) -> EncodedPicture | EncodedSound:
    """A packet for the stream."""
    if isinstance(packet, wire.Sound):
        return EncodedSound(packet.data, packet.pts, packet.ntp)
    return EncodedPicture(
        VideoCodec(packet.codec),
        packet.data,
        packet.pts,
        packet.ntp,
        packet.keyframe,
        packet.stream_frame,
    )
