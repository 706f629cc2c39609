"""PNG or JPEG bytes to RGB of one size, by Pillow.

Nothing here imports numpy: the process that decodes strangers' pictures starts in a moment, and has
little memory.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageOps

# Pillow imports these when it meets their like, which a process that can open no file could not.
from PIL import JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin  # noqa: F401  # isort: skip

from lightcone.server.pictures.errors import BadImage

MAX_PIXELS = 40_000_000  # a large camera's
MOST_LONG = 10  # times as long as wide
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
ORIENTATION = 0x0112  # the tag in EXIF
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"

Image.MAX_IMAGE_PIXELS = None  # a warning and another limit: `still` has its own


def check_kind(data: bytes) -> None:
    """Raises BadImage where these are not the first bytes of a PNG or a JPEG."""
    if not data.startswith((PNG, JPEG)):
        raise BadImage("neither PNG nor JPEG")


def still(data: bytes, width: int, height: int, max_pixels: int = MAX_PIXELS) -> bytes:
    """The middle of the picture, upright (EXIF orientation), as (height, width, 3) RGB bytes.

    Raises BadImage, also where a part of the file is missing.
    """
    check_kind(data)
    if data.startswith(PNG) and PNG_END not in data:  # Pillow would not miss it
        raise _unreadable("a part of it is missing")
    picture = _read(lambda: Image.open(io.BytesIO(data), formats=("PNG", "JPEG")))
    w, h = picture.size
    if w * h > max_pixels:
        raise _unreadable(f"it has more than {max_pixels} pixels")
    if max(w, h) > MOST_LONG * min(w, h):
        raise BadImage(f"a picture of {w}x{h} is too long")
    return _read(lambda: _fit(picture, width, height)).tobytes()


def _fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Upright, scaled until it covers this size, and cut around the middle."""
    upright = _with_eight_bits(ImageOps.exif_transpose(picture))
    return ImageOps.fit(upright, (width, height), Image.Resampling.BICUBIC)


def _with_eight_bits(picture: Image.Image) -> Image.Image:
    """As RGB; what is transparent shows the colour that it has."""
    if picture.mode.startswith("I"):  # grey of 16 bits a pixel
        picture = picture.point(lambda value: value / 256).convert("L")
    return picture.convert("RGB")


def _read(read: Callable[[], Image.Image]) -> Image.Image:
    """Raises BadImage for whatever Pillow raises: it reads a file in many ways, and fails in as
    many."""
    try:
        return read()
    except MemoryError:
        raise _unreadable("it takes too much memory") from None
    except Exception as error:
        raise _unreadable("it is broken") from error


def _unreadable(reason: str) -> BadImage:
    return BadImage(f"the picture can not be read: {reason}")
