"""Pictures that worlds start from: PNG or JPEG bytes to RGB of a world's size."""

from __future__ import annotations

import base64
import binascii
import io

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.server.errors import LightconeError

MAX_PIXELS = 40_000_000  # a large camera's
MOST_LONG = 10  # times as long as wide
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class BadImage(LightconeError):
    """Not a picture that a world can start from."""


def from_base64(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """Of a data URL, or of plain base64. Raises BadImage."""
    head, comma, rest = text.partition(",")
    if comma and not (head.startswith("data:image/") and head.endswith(";base64")):
        raise BadImage("not a data URL of a picture in base64")
    try:
        data = base64.b64decode(rest if comma else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadImage(f"not base64: {error}") from error
    return decode(data, width, height)


def decode(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """The middle of the picture in the shape of (height, width, 3). Raises BadImage."""
    if not data.startswith((PNG, JPEG)):
        raise BadImage("neither PNG nor JPEG")
    try:
        return _fit(_first_frame(data), width, height)
    except (av.FFmpegError, ValueError, IndexError, StopIteration) as error:
        reason = getattr(error, "strerror", None) or "it is broken"
        raise BadImage(f"the picture can not be read: {reason}") from error


def _first_frame(data: bytes) -> av.VideoFrame:
    container = "png_pipe" if data.startswith(PNG) else "jpeg_pipe"
    # without the second the missing part of a JPEG would be made up
    options = {"max_pixels": str(MAX_PIXELS), "err_detect": "explode"}
    with av.open(io.BytesIO(data), "r", format=container, options=options) as file:
        file.streams.video[0].codec_context.options = options
        return next(file.decode(video=0))


def _fit(picture: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """Scaled until it covers this size, turned upright, and cut around the middle."""
    lying = picture.rotation % 180 != 0
    w, h = (picture.height, picture.width) if lying else (picture.width, picture.height)
    if max(w, h) > MOST_LONG * min(w, h):
        raise BadImage(f"a picture of {w}x{h} is too long")
    scale = max(width / w, height / h)
    w, h = max(width, round(w * scale)), max(height, round(h * scale))
    size = (h, w) if lying else (w, h)
    scaled = picture.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
    upright = np.rot90(scaled.astype(np.uint8, copy=False), picture.rotation // 90)
    top, left = (h - height) // 2, (w - width) // 2
    return np.ascontiguousarray(upright[top : top + height, left : left + width])
