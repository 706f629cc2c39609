"""`lightcone generate`: a file that plays, and the same one twice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from serving import LIGHTCONE

SECONDS, FPS, SAMPLE_RATE = 3, 24, 24_000

ACTIONS = [
    {"t": 0.0, "buttons": ["right"]},
    {"t": 1.25, "buttons": ["right", "jump"]},
    {"t": 2.0, "buttons": []},
]


def generate(out: Path) -> None:
    actions = out.parent / "actions.jsonl"
    actions.write_text("".join(json.dumps(line) + "\n" for line in ACTIONS))
    flags = f"--world court --seed 7 --seconds {SECONDS} --scale 2".split()
    command = [LIGHTCONE, "generate", *flags, "--actions", actions, "--out", out]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


def played(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """All pictures (T, H, W, 3) and all samples, which must begin and end together."""
    with av.open(str(path)) as container:
        for stream in container.streams:
            assert stream.start_time == 0
            assert stream.duration is not None
            assert stream.time_base is not None
            assert stream.duration * stream.time_base == SECONDS
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        container.seek(0)
        sound = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.stack(pictures), np.concatenate(sound)


def test_the_same_seed_and_actions_give_the_same_film_twice(tmp_path: Path) -> None:
    once, again = tmp_path / "once.mp4", tmp_path / "again.mp4"
    generate(once)
    generate(again)
    pictures, sound = played(once)
    assert len(pictures) == SECONDS * FPS
    assert len(sound) >= SECONDS * SAMPLE_RATE
    assert np.abs(np.diff(pictures.astype(int), axis=0)).max() > 40, "a still"
    assert sound.std() > 0, "silence"
    pictures_again, sound_again = played(again)
    np.testing.assert_array_equal(pictures_again, pictures)
    np.testing.assert_array_equal(sound_again, sound)
