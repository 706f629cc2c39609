"""Picture files that cost whoever reads them much more than whoever sends them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from lightcone.server.pictures.still import PNG


def black_png(width: int, height: int, bits: int = 1) -> bytes:
    """A whole one: grey, so many bits a pixel. A thousandth of its pixels in bytes, or less."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + -(-width * bits // 8))), 9)
    return PNG + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")


def endless_jpeg(side: int = 4000, scans: int = 2_000) -> bytes:
    """A progressive JPEG in which one scan of the whole picture comes again and again (ITU-T T.81,
    G.1.1.1): a few bytes each, a pass over all coefficients each."""
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)
    return data[:-2] + data[tables:-2] * scans + data[-2:]


def with_a_text(png: bytes, text: str) -> bytes:
    """A PNG with a compressed text beside its picture (PNG, iTXt)."""
    body = b"Comment\x00\x01\x00\x00\x00" + zlib.compress(text.encode())
    check = struct.pack(">I", zlib.crc32(b"iTXt" + body))
    end = png.rindex(b"\x00\x00\x00\x00IEND")
    return png[:end] + struct.pack(">I", len(body)) + b"iTXt" + body + check + png[end:]
