"""An image as PNG bytes, without loss; `decode_own` is the way back."""

from __future__ import annotations

from fractions import Fraction

import av

from lightcone.model.interface import Image


def encode_png(image: Image) -> bytes:
    """(H, W, 3) RGB."""
    height, width = image.shape[:2]
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "rgb24"
    codec.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))
