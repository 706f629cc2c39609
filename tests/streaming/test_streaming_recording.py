"""MP4 files, read back."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from streaming_harness import FORMAT, coded_picture, read_code, tone

from lightcone.streaming import (
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    FragmentedRecorder,
    Lane,
    Mp4Writer,
    RecordingError,
    StreamFormat,
    VideoCodec,
)
from lightcone.streaming.encoding.sound import FrameSound, SoundEncoder
from lightcone.streaming.encoding.video import PictureScaler, VideoEncoder

CLICK_FRAME = 31


def record(path: Path, chunks: int = 24) -> None:
    """Two seconds of coded pictures; at frame `CLICK_FRAME` a click, and a white picture."""
    with Mp4Writer(path, FORMAT) as writer:
        for first in range(0, 2 * chunks, 2):
            frames = np.stack([coded_picture(first + i) for i in range(2)])
            sound = np.zeros(2000, np.float32)
            if first <= CLICK_FRAME < first + 2:
                frames[CLICK_FRAME - first] = 255
                sound[(CLICK_FRAME - first) * 1000] = 0.9
            writer.write(frames, sound)


def test_picture_and_sound_come_back_aligned(tmp_path: Path) -> None:
    record(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        pictures = [(frame.time, frame.to_ndarray()[:192]) for frame in container.decode(video)]
        container.seek(0)
        heard = [(frame.time, frame.to_ndarray()[0]) for frame in container.decode(audio)]
    assert len(pictures) == 48
    for index, (time, luma) in enumerate(pictures):
        assert time == pytest.approx(index / 24)
        if index != CLICK_FRAME:
            assert read_code(luma) == index
    flash = max(pictures, key=lambda picture: picture[1].mean())[0]
    samples = np.concatenate([sound for _, sound in heard])
    click = heard[0][0] + np.abs(samples).argmax() / FORMAT.sample_rate
    assert click == pytest.approx(flash, abs=0.001)
    assert len(samples) / FORMAT.sample_rate + heard[0][0] == pytest.approx(2.0, abs=0.05)


def test_a_recording_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Mp4Writer(tmp_path / "out.mp4", FORMAT):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "out.mp4"
    with pytest.raises(RecordingError, match=r"nowhere/out\.mp4"), Mp4Writer(path, FORMAT):
        pass


@pytest.mark.parametrize(
    ("fps", "sample_rate"), [(35, 44_100), (60, 22_050), (16, None), (30, 17_000)]
)
def test_any_frame_rate_and_sample_rate(tmp_path: Path, fps: int, sample_rate: int | None) -> None:
    format = StreamFormat(64, 48, fps, sample_rate)
    with Mp4Writer(tmp_path / "out.mp4", format, scale=1) as writer:
        for first in range(0, 2 * fps, 5):
            frames = np.stack([coded_picture(first + i, format) for i in range(5)])
            writer.write(frames, None if sample_rate is None else tone(first, 5, format=format))
    pictures, sound = read(tmp_path / "out.mp4")
    assert [time for time, _ in pictures] == pytest.approx(
        [i / fps for i in range(len(pictures))], abs=1e-4
    )
    assert len(pictures) == -(-2 * fps // 5) * 5
    assert (sound is None) == (sample_rate is None)
    if sound is not None:
        assert abs(sound[0] + sound[1] - len(pictures) / fps) < 0.05


def read(path: Path) -> tuple[list[tuple[float, int]], tuple[float, float, float] | None]:
    """Pictures as (time, code), and of the sound where it begins, its length, and where the
    loudest sample is; all in seconds."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        pictures = [
            (frame.time, read_code(frame.to_ndarray()[: frame.height]))
            for frame in container.decode(video)
        ]
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return pictures, None
        frames = list(container.decode(container.streams.audio[0]))
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    rate = frames[0].sample_rate
    loudest = float(np.abs(samples).argmax()) / rate
    return pictures, (frames[0].time, len(samples) / rate, frames[0].time + loudest)


def packets(
    frames: int, keyframes: tuple[int, ...] = (0,), begin: int = 0, click: float = -1
) -> list[EncodedPacket]:
    """What a transmitter sends for coded pictures from frame `begin` on, in its order; with a
    click at media time `click`."""
    scaler = PictureScaler(FORMAT, 1)
    picture = VideoEncoder(VideoCodec.H264, scaler.width, scaler.height, 24, 1_000_000)
    sound = SoundEncoder(FORMAT.fps, 24_000, 64_000)
    timed: list[tuple[float, EncodedPacket]] = []
    for i in range(begin, begin + frames):
        data = picture.encode(scaler(coded_picture(i)), i * 3750, keyframe=i - begin in keyframes)
        key = bool(data.is_keyframe)
        timed.append((i / 24, EncodedPicture(Lane.H264, bytes(data), i * 3750, 0, key, i)))
        samples = np.zeros(1000, np.float32)
        if i / 24 <= click < (i + 1) / 24:
            samples[round((click - i / 24) * 24_000)] = 0.9
        frame = FrameSound(Fraction(i, 24), Fraction(1, 24), samples, True)
        timed += [
            (p.complete_at, EncodedSound(p.data, p.first_sample, 0)) for p in sound.feed([frame])
        ]
    return [packet for _, packet in sorted(timed, key=lambda pair: pair[0])]


def write_all(path: Path, line: list[EncodedPacket]) -> None:
    recorder = FragmentedRecorder(path, 24, sound=True)
    for packet in line:
        recorder.write(packet)
    recorder.close()
    recorder.close()


def test_a_recording_holds_the_packets_on_media_time(tmp_path: Path) -> None:
    write_all(tmp_path / "r.mp4", packets(60, begin=1000, click=1000 / 24 + 1.5))
    pictures, sound = read(tmp_path / "r.mp4")
    assert [code for _, code in pictures] == [i % 256 for i in range(1000, 1060)]
    assert [time for time, _ in pictures] == pytest.approx([i / 24 for i in range(60)], abs=1e-4)
    assert sound is not None
    assert 0 <= sound[0] < 0.023
    assert sound[2] == pytest.approx(1.5, abs=0.001)


def test_a_recording_begins_with_a_keyframe(tmp_path: Path) -> None:
    line = packets(48, keyframes=(0, 20))
    write_all(tmp_path / "r.mp4", line[3:])
    pictures, sound = read(tmp_path / "r.mp4")
    assert [code for _, code in pictures] == list(range(20, 48))
    assert pictures[0][0] == 0
    assert sound is not None
    assert 0 <= sound[0] < 0.023


def test_sound_that_was_not_sent_is_silence_and_old_packets_are_passed_over(
    tmp_path: Path,
) -> None:
    line = packets(96, click=3.5)
    gap = [p for p in line if not (isinstance(p, EncodedSound) and 1 < p.pts / 48_000 < 3)]
    write_all(tmp_path / "r.mp4", [*gap[:50], *gap[40:]])
    pictures, sound = read(tmp_path / "r.mp4")
    assert [code for _, code in pictures] == list(range(96))
    assert sound is not None
    assert sound[1] == pytest.approx(4, abs=0.05)
    assert sound[2] == pytest.approx(3.5, abs=0.001)


def test_a_recording_without_sound_or_of_another_codec(tmp_path: Path) -> None:
    recorder = FragmentedRecorder(tmp_path / "r.mp4", 24, sound=False)
    for packet in packets(24):
        recorder.write(packet)
    recorder.close()
    pictures, sound = read(tmp_path / "r.mp4")
    assert (len(pictures), sound) == (24, None)
    other = FragmentedRecorder(tmp_path / "vp8.mp4", 24, sound=True)
    other.write(EncodedPicture(Lane.VP8, b"x", 0, 0, True, 0))
    other.close()
    assert not (tmp_path / "vp8.mp4").exists()


def test_what_was_recorded_before_a_kill_can_be_played(tmp_path: Path) -> None:
    """The process ends itself with SIGKILL in the middle of the fourth second."""
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from lightcone.streaming import FragmentedRecorder;"
        "from test_streaming_recording import packets;"
        "recorder = FragmentedRecorder(sys.argv[1], 24, sound=True);"
        "[recorder.write(packet) for packet in packets(84)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "r.mp4"
    ended = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    pictures, sound = read(path)
    assert 48 <= len(pictures) < 84
    assert [code for _, code in pictures] == list(range(len(pictures)))
    assert sound is not None
    assert sound[1] == pytest.approx(len(pictures) / 24, abs=0.2)


def test_a_place_that_cannot_be_recorded_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere/r\.mp4"):
        FragmentedRecorder(tmp_path / "nowhere" / "r.mp4", 24, sound=True)
    (tmp_path / "there.mp4").touch()
    with pytest.raises(RecordingError, match="exists"):
        FragmentedRecorder(tmp_path / "there.mp4", 24, sound=True)


def test_a_full_disk_is_named_and_what_is_there_can_be_played(tmp_path: Path) -> None:
    line = packets(120)
    write_all(tmp_path / "whole.mp4", line)
    path = tmp_path / "r.mp4"
    recorder = FragmentedRecorder(path, 24, sound=True)

    def write_on() -> None:
        for packet in line:
            recorder.write(packet)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    half = (tmp_path / "whole.mp4").stat().st_size // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (half, before[1]))
    try:
        with pytest.raises(RecordingError, match=r"cannot write .*r\.mp4"):
            write_on()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(RecordingError):
        recorder.write(line[0])
    pictures, _ = read(path)
    assert len(pictures) >= 20
