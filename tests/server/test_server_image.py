"""Picture files that worlds start from."""

from __future__ import annotations

import base64
import contextlib
import io
import struct

import numpy as np
import pytest
from hostile_pictures import black_png
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from some_pictures import picture

from lightcone.server.pictures.decoder import from_base64
from lightcone.server.pictures.errors import BadImage
from lightcone.server.pictures.own import decode_own as decode
from lightcone.server.pictures.still import JPEG, MAX_PIXELS, PNG

BLUE = (20, 20, 220)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_the_middle_of_a_picture_in_the_worlds_size(codec: str) -> None:
    pixels = decode(picture(BLUE, 600, 200, codec), 128, 96)
    assert pixels.shape == (96, 128, 3)
    assert pixels.dtype == np.uint8
    # of 600 columns the middle 267 are kept; white ends at column 200 of the file
    white = (pixels[48] > 200).all(axis=1).nonzero()[0]
    assert white[-1] == pytest.approx((200 - 166.5) / 267 * 128, abs=1.5)
    np.testing.assert_allclose(pixels[48, 100], BLUE, atol=6)


def test_small_pictures_are_enlarged_and_tall_ones_cropped() -> None:
    assert decode(picture(BLUE, 2, 2), 128, 96).shape == (96, 128, 3)
    tall = decode(picture(BLUE, 90, 900), 160, 96)
    assert (tall[:, 40] > 200).all()
    np.testing.assert_allclose(tall[5, 120], BLUE, atol=2)


def test_a_photograph_is_turned_upright() -> None:
    jpeg = picture(BLUE, 320, 240, "mjpeg")
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)  # of the camera: turn it right
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + orientation + struct.pack(">I", 0)
    body = b"Exif\x00\x00" + tiff
    exif = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    pixels = decode(jpeg[:2] + exif + jpeg[2:], 96, 128)
    assert (pixels[10] > 200).all()
    np.testing.assert_allclose(pixels[120, 48], BLUE, atol=6)


def test_plain_base64_will_do() -> None:
    data = picture(BLUE)
    plain = base64.b64encode(data).decode()
    for text in (plain, f"data:image/png;base64,{plain}", f"data:image/jpeg;base64,{plain}"):
        assert from_base64(text) == data


def test_a_large_cameras_picture_will_do_and_a_larger_one_not() -> None:
    assert decode(black_png(8000, MAX_PIXELS // 8000), 128, 96).max() == 0
    with pytest.raises(BadImage, match="can not be read"):
        decode(black_png(8000, MAX_PIXELS // 8000 + 1), 128, 96)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_no_picture(codec: str, share: float) -> None:
    whole = picture(BLUE, codec=codec)
    with pytest.raises(BadImage, match="can not be read"):
        decode(whole[: int(share * len(whole))], 128, 96)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither PNG nor JPEG"),
        (b"GIF89a", "neither PNG nor JPEG"),
        (PNG, "can not be read"),
        (PNG + bytes(99), "can not be read"),
        (JPEG + bytes(99), "can not be read"),
        (picture(BLUE)[:60], "can not be read"),
        (picture(BLUE, 300, 20), "300x20 is too long"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        decode(data, 128, 96)


@pytest.mark.parametrize(
    "text", ["%", "data:image/png;base64,%", "data:text/html;base64,aGk=", "data:image/png,x", "ü"]
)
def test_what_is_no_base64_is_named(text: str) -> None:
    with pytest.raises(BadImage):
        from_base64(text)


@given(st.sampled_from([PNG, JPEG]), st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_refused(head: bytes, data: bytes) -> None:
    with contextlib.suppress(BadImage):
        assert decode(head + data, 128, 96).shape == (96, 128, 3)


def test_grey_of_sixteen_bits_keeps_its_brightness() -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((20, 30), 0x8000, np.uint16)).save(file, "PNG")
    np.testing.assert_allclose(decode(file.getvalue(), 128, 96), 128, atol=1)
