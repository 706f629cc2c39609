"""Encoded pictures of one viewer, decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import av

from lightcone.bench.clients.rtp import Picture

DECODERS = {"H264": "h264", "VP8": "vp8"}


def decoded(codec: str, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, av.VideoFrame]]:
    """Each picture and what is seen of it. `codec` as in SDP. Raises av.FFmpegError where a picture
    cannot be decoded, as one before the first keyframe."""
    decoder = av.CodecContext.create(DECODERS[codec.upper()], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    for picture in pictures:
        for frame in decoder.decode(av.Packet(picture.data)):
            yield picture, frame


def stands_alone(codec: str, picture: Picture) -> bool:
    """Whether it can be decoded without any other."""
    try:
        return next(decoded(codec, [picture]), None) is not None
    except av.FFmpegError:
        return False
