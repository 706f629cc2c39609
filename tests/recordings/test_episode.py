"""An episode's folder: what is written is read, or there is nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_episodes import INFO, STATE, actions, decibels, pictures, sound, state, write

from lightcone.model.families.env.player import Box
from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.format import BrokenEpisode, EpisodeMeta, RecordingFailed
from lightcone.model.recordings.reader import read_episode
from lightcone.model.recordings.scan import scan
from lightcone.model.recordings.writer import EpisodeWriter

SILENT = replace(INFO, sample_rate=None)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    meta = EpisodeMeta(
        INFO, 0, "a test", seed=7, licence="CC0", consent="given", state=STATE, text=((0, "day"),)
    )
    box = Box("Imp", "Monster", 5, 0.25, 0.5, 0.125, 0.25)
    with EpisodeWriter(tmp_path, "one", meta) as writer:
        for start, stop in ((0, 1), (1, 30), (30, 47)):  # pieces of any length
            begin, end = INFO.samples(0, start), INFO.samples(0, stop)
            if start == 30:
                writer.text("night")
            heard = sound(47)
            assert heard is not None
            writer.write(
                pictures(47)[start:stop], heard[begin:end], actions(47)[start:stop],
                state(47)[start:stop], [[box]] if start == 0 else [],
            )  # fmt: skip
        path = writer.close(ended=True)

    episode = read_episode(path)
    episode.check(whole=True)
    assert len(episode) == 47
    assert decibels(episode.frames(), pictures(47)) > 40
    np.testing.assert_array_equal(episode.sound(), sound(47))  # type: ignore[arg-type]
    np.testing.assert_array_equal(episode.actions, actions(47))
    np.testing.assert_array_equal(episode.state, state(47))  # type: ignore[arg-type]
    np.testing.assert_array_equal(episode.labels, [[0, 0, 5, 0.25, 0.5, 0.125, 0.25]])
    read = episode.meta
    assert (read.info.buttons, read.info.axes) == (INFO.buttons, INFO.axes)
    assert (read.info.fps, read.info.sample_rate) == (24, 22_050)
    assert (read.seed, read.licence, read.consent, read.ended) == (7, "CC0", "given", True)
    assert read.text == ((0, "day"), (30, "night"))
    assert read.kinds == ("Monster/Imp",)
    assert [p.name for p in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (29, 31), (24, 48), (59, 60), (60, 70)])
def test_slices_are_those_of_the_whole(tmp_path: Path, start: int, stop: int) -> None:
    episode = write(tmp_path, frames=60)
    np.testing.assert_array_equal(episode.frames(start, stop), episode.frames()[start:stop])
    whole, part = episode.sound(), episode.sound(start, stop)
    assert whole is not None
    assert part is not None
    begin, end = INFO.samples(0, start), INFO.samples(0, min(stop, 60))
    np.testing.assert_array_equal(part, whole[begin:end])


def test_a_silent_world_has_no_sound(tmp_path: Path) -> None:
    episode = write(tmp_path, info=SILENT)
    episode.check()
    assert episode.sound() is None
    assert not (episode.path / "sound.flac").exists()


def test_equal_episodes_have_equal_digests(tmp_path: Path) -> None:
    one, same, other = (write(tmp_path, n, seed=s) for n, s in (("a", 1), ("b", 1), ("c", 2)))
    assert one.meta.digest == same.meta.digest != other.meta.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": pictures(3)[:, :40]}, "frames of shape"),
        ({"sound": np.zeros(5, np.float32)}, "sound of shape"),
        ({"sound": None}, "sound of shape None"),
        ({"actions": np.zeros((3, 2), np.float32)}, "actions of shape"),
        ({"actions": np.full((3, 3), np.nan, np.float32)}, "not all numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    given = {"frames": pictures(3), "sound": sound(3), "actions": actions(3)} | change
    with (
        EpisodeWriter(tmp_path, "one", EpisodeMeta(INFO, 0, "")) as writer,
        pytest.raises(ValueError, match=message),
    ):
        writer.write(**given)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_an_episode_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def stopped() -> None:
        with writer_of(tmp_path) as writer:
            writer.write(pictures(3), sound(3), actions(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with writer_of(tmp_path) as empty, pytest.raises(BrokenEpisode, match="without frames"):
        empty.close()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingFailed, match=r"file/one cannot be written: Not a directory"):
        writer_of(tmp_path / "file")


def writer_of(folder: Path, info: WorldInfo = INFO) -> EpisodeWriter:
    return EpisodeWriter(folder, "one", EpisodeMeta(info, 0, ""))


_ENDLESS = """
import resource, sys
sys.path[:0] = {path!r}
from pathlib import Path
from made_episodes import *
folder = Path({folder!r})
write(folder, "first", seed=1)
if {full}:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # a disk that fills
with EpisodeWriter(folder, "second", EpisodeMeta(INFO, 0, "")) as writer:
    while True:
        writer.write(pictures(48), sound(48), actions(48))  # a whole number of samples
        print("more", flush=True)
"""


def endless(folder: Path, *, full: bool) -> subprocess.Popen[str]:
    script = _ENDLESS.format(path=sys.path, folder=str(folder), full=full)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_is_killed_loses_the_episode_at_hand(tmp_path: Path) -> None:
    with endless(tmp_path, full=False) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "more\n"
        process.kill()
    found = scan(tmp_path, whole=True)
    assert [each.path.name for each in found.episodes] == ["first"]
    assert [(each.path.name, each.reason) for each in found.left_out] == [
        ("second.part", "was not finished")
    ]
    write(tmp_path, "second")  # takes its place
    assert not scan(tmp_path).left_out


def test_a_disk_that_fills_loses_the_episode_at_hand(tmp_path: Path) -> None:
    with endless(tmp_path, full=True) as process:
        _, errors = process.communicate()
    assert "RecordingFailed" in errors.splitlines()[-1]
    assert "second cannot be written: File too large" in errors.splitlines()[-1]
    found = scan(tmp_path, whole=True)
    assert ([e.path.name for e in found.episodes], found.left_out) == (["first"], ())


def test_meta_is_json_that_says_the_controls(tmp_path: Path) -> None:
    data = json.loads((write(tmp_path).path / "meta.json").read_text())
    assert data["world"] == "meadow"
    assert data["buttons"][0]["keys"] == ["ArrowLeft", "KeyA"]
    assert data["axes"][0] | {"gamepad": None} == {
        "name": "turn", "label": "Turn", "low": -2.0, "high": 2.0, "mouse": "x", "gamepad": None,
    }  # fmt: skip
