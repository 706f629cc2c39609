"""What a worker encoded, as the stream sends it."""

from __future__ import annotations

from collections.abc import Mapping

from lightcone.server.worker import messages as wire
from lightcone.streaming import EncodedPicture, EncodedSound, Lane

LANES: Mapping[Lane, wire.LaneName] = {
    Lane.H264: "H264",
    Lane.VP8: "VP8",
    Lane.H264_THIN: "H264-thin",
    Lane.VP8_THIN: "VP8-thin",
}
"""As the worker names them."""


def encoded(packet: wire.Picture | wire.Sound) -> EncodedPicture | EncodedSound:
    """A packet for the stream."""
    if isinstance(packet, wire.Sound):
        return EncodedSound(packet.data, packet.pts, packet.ntp)
    return EncodedPicture(
        Lane(packet.lane),
        packet.data,
        packet.pts,
        packet.ntp,
        packet.keyframe,
        packet.stream_frame,
    )
