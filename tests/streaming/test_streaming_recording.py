"""MP4 files, read back."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from streaming_harness import FORMAT, coded_picture, read_code

from lightcone.streaming import (
    Mp4Writer,
    RecordingError,
)

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
