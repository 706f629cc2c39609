"""Encoded pictures of one viewer, decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import av

from lightcone.client.media.pictures import PictureDecoder
from lightcone.client.media.rtp import Picture


def decoded(codec: str, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, av.VideoFrame]]:
    """Each picture and what is seen of it. `codec` as in SDP. Raises av.FFmpegError where a picture
    cannot be decoded, as one before the first keyframe."""
    decoder = PictureDecoder(codec)
    for picture in pictures:
        for frame in decoder(picture.data):
            yield picture, frame


def stands_alone(codec: str, picture: Picture) -> bool:
    """Whether it can be decoded without any other."""
    try:
        return next(decoded(codec, [picture]), None) is not None
    except av.FFmpegError:
        return False
