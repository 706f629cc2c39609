"""The parts of the client that take no connection."""

from __future__ import annotations

import subprocess
import sys

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.client.api import without_key
from lightcone.client.errors import (
    RESUMABLE,
    Busy,
    Closed,
    NotAllowed,
    Problem,
    UnknownWords,
    json_problem,
    problem_of,
)
from lightcone.client.media.pictures import is_keyframe
from lightcone.client.media.rtp import SOUND_HZ
from lightcone.client.media.sound import Sound, SoundLine
from lightcone.client.media.timeline import Timeline

PACKET = 960  # samples, 20 ms


def test_nothing_of_the_server_or_a_model_is_loaded() -> None:
    code = (
        "import sys, lightcone.client, lightcone.client.sync, lightcone.client.gym\n"
        "print(*sorted(name for name in sys.modules if name == 'torch' or\n"
        "      name.startswith(('lightcone.server', 'lightcone.model', 'lightcone.streaming'))))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "no-token", NotAllowed),
        (403, "forbidden-origin", NotAllowed),
        (422, "unknown-words", UnknownWords),
        (429, "too-many", Busy),
        (422, "bad-image", Problem),
    ],
)
def test_problems_have_names(status: int, code: str, kind: type[Problem]) -> None:
    body = {"code": code, "title": "No", "detail": "why", "status": status, "words": ["moon"]}
    problem = problem_of(status, body, "7")
    assert type(problem) is kind
    assert str(problem) == f"why ({code}, HTTP {status})"
    assert (problem.retry_after_s, problem.more) == (7.0, {"words": ["moon"]})
    if isinstance(problem, UnknownWords):
        assert (problem.words, problem.known) == (["moon"], [])


@given(st.binary(max_size=200))
def test_any_body_of_a_refusal_is_a_problem(body: bytes) -> None:
    assert str(problem_of(502, json_problem(body), "soon"))


@given(st.integers(1000, 4999), st.text(max_size=30))
def test_every_close_code_has_one_line(code: int, reason: str) -> None:
    closed = Closed(code, reason)
    assert str(closed).endswith(f"({code})")
    assert closed.may_resume == (code in RESUMABLE)


@pytest.mark.parametrize(
    ("given_", "url", "key"),
    [
        ("http://here:8080", "http://here:8080", None),
        ("https://here/?key=abc&session=1", "https://here", "abc"),
        ("http://here/under/", "http://here/under", None),
    ],
)
def test_a_key_is_taken_out_of_the_address(given_: str, url: str, key: str | None) -> None:
    assert without_key(given_) == (url, key)


def test_frames_are_counted_from_a_receipt_on() -> None:
    line = Timeline(24)
    assert line.stream_frame(1.0) is None
    line.receipt(30, 1.25)
    assert line.stream_frame(1.25) == 30
    assert line.stream_frame(1.25 + 5 / 24) == 35
    assert line.stream_frame(1.25 - 1 / 24) is None
    assert line.stream_frame(1.25 + 5.4 / 24) is None  # no frame begins there
    line.stall(1.25 + 3 / 24)
    assert line.stream_frame(1.25 + 2 / 24) == 32
    assert line.stream_frame(1.25 + 5 / 24) is None
    line.receipt(36, 1.3 + 6 / 24)
    assert line.stream_frame(1.3 + 8 / 24) == 38
    assert line.stream_frame(1.25 + 2 / 24) == 32
    line.rate(0.75, 1.3 + 7 / 24)
    assert line.stream_frame(1.3 + 8 / 24) is None
    assert line.stream_frame(1.3 + 6 / 24) == 36
    line.rate(1.0, 1.3 + 9 / 24)
    assert line.stream_frame(1.3 + 10 / 24) is None
    line.receipt(45, 2.0)
    assert line.stream_frame(2.0 + 3 / 24) == 48


@given(
    fps=st.sampled_from([16, 24, 35, 60]),
    first=st.integers(0, 10**6),
    late=st.floats(0, 0.2),
    frames=st.lists(st.integers(0, 1000), max_size=20),
)
def test_what_is_counted_is_right(fps: int, first: int, late: float, frames: list[int]) -> None:
    line = Timeline(fps)
    start = first / fps + late
    line.receipt(first, start)
    for frame in frames:
        time = round((start + frame / fps) * 90_000) / 90_000  # as RTP carries it
        assert line.stream_frame(time) == first + frame


def ramp(first: int, count: int) -> np.ndarray:
    return (np.arange(first, first + count) % 1000 / 1000).astype(np.float32)


@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=30),
)
def test_the_line_of_sound_has_what_came_and_silence_elsewhere(
    offset: int, packets: list[tuple[int, bool]]
) -> None:
    size = SOUND_HZ // 2
    line = SoundLine(0.5)
    kept: dict[int, float] = {}
    end = 0
    for number, lost in packets:
        first = offset + number * PACKET
        if lost:
            continue
        line.add(Sound(first / SOUND_HZ, ramp(first, PACKET), 0.0))
        end = max(end, first + PACKET)
        kept |= dict(enumerate(ramp(first, PACKET), first))
        kept = {i: value for i, value in kept.items() if i >= end - size}
    assert line.end == end / SOUND_HZ
    start = max(end - size, 0)
    read = line.read(start / SOUND_HZ, SOUND_HZ, end - start)
    assert np.allclose(read, [kept.get(i, 0.0) for i in range(start, end)], atol=1e-3)


def test_sound_is_read_at_a_lower_rate() -> None:
    line = SoundLine(1.0)
    tone = np.sin(2 * np.pi * 1000 * np.arange(48_000) / SOUND_HZ).astype(np.float32)
    line.add(Sound(0.0, tone, 0.0))
    read = line.read(0.1, 24_000, 2400)
    assert np.allclose(read, np.sin(2 * np.pi * 1000 * (0.1 + np.arange(2400) / 24_000)), atol=1e-3)
    assert not line.read(-0.01, 24_000, 200).any()
    assert len(line.read(0.1, 24_000, 0)) == 0


@pytest.mark.parametrize(("codec", "name"), [("libx264", "H264"), ("libvpx", "VP8")])
def test_keyframes_are_recognised(codec: str, name: str) -> None:
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.framerate, encoder.gop_size = 24, 5
    encoder.options = {"tune": "zerolatency"} if codec == "libx264" else {"lag-in-frames": "0"}
    rng = np.random.default_rng(0)
    packets = []
    for pts in range(12):
        frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), np.uint8), "rgb24")
        frame.pts = pts
        packets += encoder.encode(frame)
    assert len(packets) >= 10
    assert [is_keyframe(name, bytes(p)) for p in packets] == [p.is_keyframe for p in packets]
    assert not is_keyframe(name, b"")
