"""Picture files for tests."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np


def picture(
    colour: tuple[int, int, int], width: int = 320, height: int = 200, codec: str = "png"
) -> bytes:
    """A file of one colour, its left third white; `codec` "png" or "mjpeg"."""
    pixels = np.full((height, width, 3), colour, np.uint8)
    pixels[:, : width // 3] = 255
    format = "rgb24" if codec == "png" else "yuvj420p"
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=format)
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, format
    encoder.time_base = Fraction(1)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
