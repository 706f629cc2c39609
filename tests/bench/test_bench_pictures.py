"""Encoded pictures, decoded."""

from __future__ import annotations

import av
import numpy as np
import pytest

from lightcone.bench.clients.pictures import decoded, stands_alone
from lightcone.client.media.rtp import Picture


def pictures(library: str, count: int) -> list[Picture]:
    encoder = av.CodecContext.create(library, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 64, 48, "yuv420p", 24
    encoder.options = {"tune": "zerolatency"} if library == "libx264" else {"lag-in-frames": "0"}
    made = []
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * i, np.uint8), format="rgb24")
        frame.pts = i
        made += [Picture(i / 24, bytes(packet), 0.0) for packet in encoder.encode(frame)]
    return made


@pytest.mark.parametrize(("codec", "library"), [("H264", "libx264"), ("VP8", "libvpx")])
def test_only_a_keyframe_stands_alone(codec: str, library: str) -> None:
    keyframe, following = pictures(library, 2)
    assert stands_alone(codec, keyframe)
    assert not stands_alone(codec, following)
    seen = [picture for picture, _ in decoded(codec, [keyframe, following])]
    assert seen == [keyframe, following]


def test_a_keyframe_without_its_beginning_does_not_stand_alone() -> None:
    (keyframe,) = pictures("libx264", 1)
    headless = Picture(0.0, keyframe.data[len(keyframe.data) // 2 :], 0.0)
    assert not stands_alone("H264", headless)
