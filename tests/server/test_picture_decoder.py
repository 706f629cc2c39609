"""Strangers' pictures in their own process: what it can not survive is refused by name, and the
next picture is decoded."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hostile_pictures import black_png, endless_jpeg, with_a_text
from some_pictures import picture

from lightcone.server.pictures import decoder as decoder_module
from lightcone.server.pictures.decoder import Decoder, DecoderLimits
from lightcone.server.pictures.errors import BadImage, DecoderUnavailable
from lightcone.server.pictures.own import decode_own

GREEN = (20, 200, 20)


@pytest.fixture
async def decoder() -> AsyncIterator[Decoder]:
    """It takes one picture at a time, so that the next one meets what the last has left."""
    decoder = Decoder(DecoderLimits(cpu_s=3, processes=1))
    yield decoder
    await decoder.close()


async def check_it_goes_on(decoder: Decoder) -> None:
    pixels = await decoder.decode(picture(GREEN), 128, 96)
    np.testing.assert_array_equal(pixels, decode_own(picture(GREEN), 128, 96))


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
async def test_a_picture_is_as_it_would_be_here(decoder: Decoder, codec: str) -> None:
    data = picture(GREEN, 600, 200, codec)
    pixels = await decoder.decode(data, 128, 96)
    assert (pixels.shape, pixels.dtype) == ((96, 128, 3), np.uint8)
    np.testing.assert_array_equal(pixels, decode_own(data, 128, 96))


async def test_one_process_reads_many_pictures(decoder: Decoder) -> None:
    for _ in range(3):
        await check_it_goes_on(decoder)
    assert len(decoder.waiting) == 1


async def test_what_lies_beside_a_picture_does_not_matter(decoder: Decoder) -> None:
    data = with_a_text(picture(GREEN), "grün")
    np.testing.assert_array_equal(
        await decoder.decode(data, 128, 96), decode_own(picture(GREEN), 128, 96)
    )


async def test_a_large_cameras_picture_fits_into_its_memory(decoder: Decoder) -> None:
    assert (await decoder.decode(black_png(8000, 5000), 128, 96)).max() == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GIF89a", "neither PNG nor JPEG"),
        (picture(GREEN)[:90], "can not be read"),
        (black_png(20_000, 20_000), "more than 40000000 pixels"),
        (black_png(3000, 20), "too long"),
        (with_a_text(picture(GREEN), "a" * 2**27), "can not be read"),
    ],
    ids=["another kind", "cut off", "bomb", "long", "bomb beside it"],
)
async def test_what_is_no_picture_is_named_and_its_process_goes_on(
    decoder: Decoder, data: bytes, reason: str
) -> None:
    await check_it_goes_on(decoder)
    before = decoder.waiting
    with pytest.raises(BadImage, match=reason):
        await decoder.decode(data, 128, 96)
    await check_it_goes_on(decoder)
    assert decoder.waiting == before


async def test_a_picture_that_is_decoded_for_ever_is_given_up(decoder: Decoder) -> None:
    with pytest.raises(BadImage, match="takes too long"):
        await decoder.decode(endless_jpeg(), 128, 96)
    await check_it_goes_on(decoder)


async def test_a_process_that_does_not_answer_is_given_up() -> None:
    decoder = Decoder(DecoderLimits(wall_s=0.0))
    with pytest.raises(BadImage, match="takes too long"):
        await decoder.decode(picture(GREEN), 128, 96)
    assert (decoder.waiting, decoder.busy) == ((), ())


async def test_memory_that_is_used_up_is_named() -> None:
    decoder = Decoder(DecoderLimits(memory=200 * 2**20))
    with pytest.raises(BadImage, match="can not be read"):
        await decoder.decode(black_png(8000, 5000, 8), 128, 96)
    await check_it_goes_on(decoder)
    await decoder.close()


async def test_a_decoder_that_crashes_is_replaced(decoder: Decoder) -> None:
    await check_it_goes_on(decoder)
    decoding = asyncio.create_task(decoder.decode(endless_jpeg(), 128, 96))
    await asyncio.sleep(0)
    [busy] = decoder.busy
    os.kill(busy, signal.SIGSEGV)
    with pytest.raises(BadImage, match="it is broken"):
        await decoding
    await check_it_goes_on(decoder)


async def test_a_decoder_that_ends_while_it_waits_is_replaced(decoder: Decoder) -> None:
    await check_it_goes_on(decoder)
    [waiting] = decoder._free
    waiting.kill()
    await waiting.wait()
    await check_it_goes_on(decoder)


async def test_giving_up_ends_the_process(decoder: Decoder) -> None:
    await check_it_goes_on(decoder)
    decoding = asyncio.create_task(decoder.decode(endless_jpeg(), 128, 96))
    await asyncio.sleep(0)
    assert len(decoder.busy) == 1
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    assert (decoder.waiting, decoder.busy) == ((), ())
    await check_it_goes_on(decoder)


async def test_where_no_process_can_be_started_it_is_named(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module.sys, "executable", "/nowhere/python")
    with pytest.raises(DecoderUnavailable):
        await decoder.decode(picture(GREEN), 128, 96)
    monkeypatch.undo()
    await check_it_goes_on(decoder)
