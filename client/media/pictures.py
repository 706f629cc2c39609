"""Encoded pictures, decoded. Pure but for the decoder's own state."""

from __future__ import annotations

import av

CODECS = {"H264": "h264", "VP8": "vp8"}

_START = b"\x00\x00\x01"  # before each NAL unit (ITU-T H.264 annex B)
_IDR = 5  # type of the NAL units of a keyframe (ITU-T H.264 table 7-1)


class PictureDecoder:
    """Decodes the pictures of one stream in their order. `codec` as in SDP."""

    def __init__(self, codec: str) -> None:
        decoder = av.CodecContext.create(CODECS[codec.upper()], "r")
        assert isinstance(decoder, av.VideoCodecContext)
        self._decoder = decoder

    def __call__(self, data: bytes) -> list[av.VideoFrame]:
        """Raises av.FFmpegError for what can not be decoded, as before the first keyframe."""
        return self._decoder.decode(av.Packet(data))


def is_keyframe(codec: str, data: bytes) -> bool:
    """Whether an encoded picture can be decoded without any other: it holds an IDR slice (H264,
    annex B), or its first bit is 0 (VP8, RFC 6386 section 9.1)."""
    if codec.upper() == "VP8":
        return bool(data) and not data[0] & 1
    return any(unit[:1] and unit[0] & 0x1F == _IDR for unit in data.split(_START)[1:])
