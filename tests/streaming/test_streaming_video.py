"""Pictures: enlarged, encoded without delay, decoded back and compared."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from streaming_harness import FORMAT, coded_picture, read_code

from lightcone.streaming import StreamFormat, StreamSettings, VideoCodec, measure_encoding
from lightcone.streaming.encoding.video import PictureScaler, VideoEncoder

CODECS = list(VideoCodec)
TICKS = 3750  # of the 90 kHz clock in one frame


def scene(index: int, size: tuple[int, int] = (96, 128)) -> NDArray[np.uint8]:
    """A shaded background with a ball that moves."""
    y, x = np.mgrid[: size[0], : size[1]]
    picture = np.stack([120 + x // 2, 90 + y, 160 - x // 2], axis=-1).astype(np.uint8)
    ball = (x - 20 - 2 * index) ** 2 + (y - 48) ** 2 < 100
    picture[ball] = (230, 120, 30)
    return picture


def encoder(codec: VideoCodec, scaler: PictureScaler, bitrate: int = 2_000_000) -> VideoEncoder:
    return VideoEncoder(codec, scaler.width, scaler.height, 24, bitrate)


def decode(codec: VideoCodec, packets: list[av.Packet]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264" if codec is VideoCodec.H264 else "vp8", "r")
    frames = []
    for packet in packets:
        ready = av.Packet(bytes(packet))
        ready.pts, ready.time_base = packet.pts, Fraction(1, 90_000)
        frames += decoder.decode(ready)
    return frames + decoder.decode(None)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_survive_encoding(codec: VideoCodec) -> None:
    scaler = PictureScaler(StreamFormat(128, 96), scale=4)
    line = encoder(codec, scaler)
    sent = [scaler(scene(i)) for i in range(24)]
    packets = [line.encode(frame, i * TICKS, keyframe=i == 0) for i, frame in enumerate(sent)]
    shown = decode(codec, packets)
    assert [frame.pts for frame in shown] == [i * TICKS for i in range(24)]
    for before, after in zip(sent[6:], shown[6:], strict=True):
        assert (after.width, after.height) == (512, 384)
        assert psnr(before.to_ndarray()[:384], after.to_ndarray()[:384]) > 36


@pytest.mark.parametrize("codec", CODECS)
def test_colours_survive_the_way_there_and_back(codec: VideoCodec) -> None:
    scaler = PictureScaler(StreamFormat(32, 32), scale=2)
    colour = (200, 60, 40)
    picture = np.full((32, 32, 3), colour, np.uint8)
    packet = encoder(codec, scaler).encode(scaler(picture), 0, keyframe=True)
    (shown,) = decode(codec, [packet])
    rgb = shown.to_ndarray(format="rgb24", src_colorspace="ITU601", src_color_range="MPEG")
    assert np.abs(rgb[32, 32].astype(int) - colour).max() <= 6


@pytest.mark.parametrize("codec", CODECS)
def test_keyframes_come_only_when_asked_for(codec: VideoCodec) -> None:
    scaler = PictureScaler(FORMAT, scale=4)
    line = encoder(codec, scaler)
    wanted = {0, 17, 40}
    packets = []
    for i in range(60):
        # a cut in the middle, which would tempt an encoder
        picture = coded_picture(i) if i < 30 else 255 - coded_picture(i)
        packets.append(line.encode(scaler(picture), i * TICKS, keyframe=i in wanted))
    assert {i for i, packet in enumerate(packets) if packet.is_keyframe} == wanted
    joined_late = decode(codec, packets[40:])
    assert len(joined_late) == 20
    assert read_code(255 - joined_late[-1].to_ndarray()[: scaler.height]) == 59


def test_h264_is_what_the_answer_promises() -> None:
    """Constrained baseline (RFC 6184 section 8.1: profile 0x42 with constraint_set1), level
    3.1 at most, parameter sets in front of every keyframe."""
    scaler = PictureScaler(StreamFormat(128, 96), scale=4)
    line = encoder(VideoCodec.H264, scaler)
    for i in range(2):
        data = bytes(line.encode(scaler(scene(i)), i * TICKS, keyframe=True))
        units = [unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        kinds = [unit[0] & 0x1F for unit in units]
        assert kinds[:2] == [7, 8] or kinds[:3] == [7, 8, 6]
        assert kinds[-1] == 5
        profile, constraints, level = units[0][1:4]
        assert profile == 0x42
        assert constraints & 0x40
        assert level <= 31


@pytest.mark.parametrize("codec", CODECS)
def test_noise_stays_within_the_bitrate(codec: VideoCodec) -> None:
    scaler = PictureScaler(FORMAT, scale=4)
    line = encoder(codec, scaler, bitrate=1_000_000)
    noise = np.random.default_rng(0)
    size = 0
    for i in range(72):
        picture = noise.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        size += line.encode(scaler(picture), i * TICKS, keyframe=False).size
    assert size * 8 / 3 < 1.35 * 1_000_000


def test_odd_pictures_become_even() -> None:
    scaler = PictureScaler(StreamFormat(33, 31), scale=1)
    frame = scaler(np.full((31, 33, 3), 128, np.uint8))
    assert (frame.width, frame.height) == (34, 32)


def test_the_cost_of_a_picture_is_measured() -> None:
    assert measure_encoding(FORMAT, StreamSettings(scale=2), pictures=2) > 0


@pytest.mark.parametrize(
    ("width", "height", "fps", "most", "scale"),
    [
        (128, 96, 24, 4, 4),
        (832, 480, 16, 4, 1),
        (320, 240, 35, 4, 3),  # 960x720: 2,700 macroblocks, 94,500 a second
        (640, 360, 60, 4, 1),  # twice would be 216,000 macroblocks a second
        (1920, 1080, 30, 4, 1),  # none fits
        (128, 96, 24, None, 4),
        (256, 192, 24, None, 2),
        (320, 240, 35, None, 2),
        (832, 480, 16, None, 1),
        (64, 48, 24, None, 4),
    ],
)
def test_the_scale_fits_the_level(
    width: int, height: int, fps: int, most: int | None, scale: int
) -> None:
    assert StreamFormat(width, height, fps).fitting_scale(most) == scale


@settings(deadline=None)
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 500),
    fps=st.integers(1, 120),
    most=st.integers(1, 6),
)
def test_a_larger_scale_than_the_fitting_one_is_over_the_level(
    width: int, height: int, fps: int, most: int
) -> None:
    format = StreamFormat(width, height, fps)

    def macroblocks(scale: int) -> int:
        wide, high = format.sent_size(scale)
        return -(-wide // 16) * -(-high // 16)

    scale = format.fitting_scale(most)
    assert 1 <= scale <= most
    if scale > 1:
        assert macroblocks(scale) <= 3600
        assert macroblocks(scale) * fps <= 108_000
    if scale < most:
        wide, high = format.sent_size(scale + 1)
        count = macroblocks(scale + 1)
        assert wide > 1280 or high > 720 or count > 3600 or count * fps > 108_000


@pytest.mark.parametrize(
    ("fps", "sample_rate"), [(0, 24_000), (121, 24_000), (24, 7_999), (24, 48_001)]
)
def test_formats_that_cannot_be_sent_are_refused(fps: int, sample_rate: int) -> None:
    with pytest.raises(ValueError, match="not a"):
        StreamFormat(64, 48, fps, sample_rate)


@settings(deadline=None)
@given(
    fps=st.integers(1, 120),
    sample_rate=st.integers(8_000, 48_000),
    lengths=st.lists(st.integers(0, 50)),
)
def test_samples_of_frames_add_up(fps: int, sample_rate: int, lengths: list[int]) -> None:
    format = StreamFormat(64, 48, fps, sample_rate)
    frame = total = 0
    for length in lengths:
        total += format.samples(frame, frame + length)
        frame += length
    assert total == format.samples(0, frame) == frame * sample_rate // fps
