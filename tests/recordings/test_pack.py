"""Recordings as plain arrays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_episodes import INFO, write

from lightcone.model.families.env.player import Box
from lightcone.model.recordings import pack
from lightcone.model.recordings.format import BrokenEpisode, NoRecordings, RecordingFailed
from lightcone.model.recordings.packed import open_packed
from lightcone.model.recordings.scan import scan

IMP, DEMON = (Box(kind, "Monster", 3, 0.0, 0.0, 0.5, 0.5) for kind in ("Imp", "Demon"))


def test_packed_recordings_are_equal_to_the_episodes(tmp_path: Path) -> None:
    for name, frames in (("a", 30), ("b", 101), ("c", 7)):  # no whole number of samples
        write(tmp_path / "in", name, frames=frames, seed=frames, names=("health",))
    recordings = scan(tmp_path / "in")
    counted: list[int] = []
    packed = pack.pack(recordings, tmp_path / "out", progress=counted.append)
    assert sum(counted) == packed.frames == 138
    assert (packed.info.name, packed.state) == ("meadow", ("health",))
    for one, episode in zip(packed.episodes, recordings.episodes, strict=True):
        assert (one.name, one.seed, one.ended) == (episode.path.name, len(episode), True)
        np.testing.assert_array_equal(one.frames(), episode.frames())
        np.testing.assert_array_equal(one.actions, episode.actions)
        np.testing.assert_array_equal(one.state, episode.state)  # type: ignore[arg-type]
        for start, stop in ((0, None), (3, 5), (6, 7)):
            np.testing.assert_array_equal(
                one.sound(start, stop), episode.sound(start, stop)  # type: ignore[arg-type]
            )  # fmt: skip


def test_pictures_are_averaged_to_another_size(tmp_path: Path) -> None:
    episode = write(tmp_path / "in")
    packed = pack.pack(scan(tmp_path / "in"), tmp_path / "out", (32, 24))
    blocks = episode.frames().reshape(20, 24, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(packed.episodes[0].frames() - blocks).max() <= 1
    assert (packed.info.width, packed.info.height) == (32, 24)


def test_kinds_of_all_episodes_are_numbered_together(tmp_path: Path) -> None:
    write(tmp_path / "in", "a", frames=2, boxes=(IMP,))
    write(tmp_path / "in", "b", frames=2, boxes=(DEMON, IMP))
    write(tmp_path / "in", "c", frames=2)
    packed = pack.pack(scan(tmp_path / "in"), tmp_path / "out")
    assert packed.kinds == ("Monster/Imp", "Monster/Demon")
    kinds = [episode.labels[:, :2].tolist() for episode in packed.episodes]
    assert kinds == [[[0, 0], [1, 0]], [[0, 1], [0, 0], [1, 1], [1, 0]], []]


def test_what_is_packed_already_is_used(tmp_path: Path) -> None:
    write(tmp_path / "in", "a")
    out = tmp_path / "out"
    pack.pack(scan(tmp_path / "in"), out)
    before = (out / "packed.json").stat().st_ino
    pack.pack(scan(tmp_path / "in"), out)
    assert (out / "packed.json").stat().st_ino == before
    write(tmp_path / "in", "b")
    assert len(pack.pack(scan(tmp_path / "in"), out).episodes) == 2


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(RecordingFailed, match="holds no packed recordings: it is left alone"):
        pack.pack(scan(tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_an_episode_that_cannot_be_decoded_leaves_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "in").path / "picture.mp4"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(BrokenEpisode, match="cannot be decoded"):
        pack.pack(scan(tmp_path / "in"), tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["in"]


def test_damaged_arrays_are_named(tmp_path: Path) -> None:
    with pytest.raises(NoRecordings, match="no packed recordings"):
        open_packed(tmp_path)
    write(tmp_path / "in")
    pack.pack(scan(tmp_path / "in"), tmp_path / "out")
    np.save(tmp_path / "out" / "actions.npy", np.zeros((3, 3), np.float32))
    with pytest.raises(BrokenEpisode, match=r"actions.npy has shape \(3, 3\), not \(20, 3\)"):
        open_packed(tmp_path / "out")


def test_the_command_packs_what_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in", "a")
    path = write(tmp_path / "in", "b").path / "sound.flac"
    path.write_bytes(bytes(path.stat().st_size))
    flags = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--size", "32x24"]
    assert pack.main(flags) == 0
    printed = capsys.readouterr().out
    assert "1 left out (b: sound.flac was changed)" in printed
    assert "20 frames of 32x24" in printed


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [(["none"], 1, "there is no folder none"), ([".", "--size", "big"], 2, "'big' is no size")],
)
def test_bad_flags_are_named(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        pack.main([*flags, "--out", "nowhere"])
    assert stopped.value.code == code
    assert message in capsys.readouterr().err


def test_training_machines_need_numpy_alone(tmp_path: Path) -> None:
    write(tmp_path / "in", info=INFO)
    pack.pack(scan(tmp_path / "in"), tmp_path / "out")
    script = f"""
import sys
sys.path[:] = {sys.path!r}
from pathlib import Path
from lightcone.model.recordings.packed import open_packed
packed = open_packed(Path({str(tmp_path / "out")!r}))
assert packed.episodes[0].frames(1, 3).shape == (2, 48, 64, 3)
assert packed.episodes[0].sound(1, 3).shape == (1838,)
print({{"av", "PIL", "torch", "tqdm"}} & set(sys.modules))
"""
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"
