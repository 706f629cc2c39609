"""Whole episodes are found; others are named, counted and left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_episodes import INFO, write

from lightcone.model.interface import Button, WorldInfo
from lightcone.model.recordings.format import MixedRecordings, NoRecordings
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import scan


def truncate(name: str) -> Callable[[Episode], None]:
    def change(episode: Episode) -> None:
        path = episode.path / name
        path.write_bytes(path.read_bytes()[:-20])

    return change


def delete(name: str) -> Callable[[Episode], None]:
    return lambda episode: (episode.path / name).unlink()


def say(**changes: object) -> Callable[[Episode], None]:
    def change(episode: Episode) -> None:
        path = episode.path / "meta.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def flip(episode: Episode) -> None:
    path = episode.path / "picture.mp4"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate("picture.mp4"), "picture.mp4 has"),
        (truncate("sound.flac"), "sound.flac has"),
        (truncate("meta.json"), "meta.json is damaged"),
        (delete("actions.npy"), "actions.npy cannot be read"),
        (delete("sound.flac"), "sound.flac cannot be read"),
        (delete("meta.json"), "has no meta.json"),
        (say(frames=21), "actions.npy is float32"),
        (say(fps="fast"), "meta.json is damaged"),
        (say(format=9), "has format 9, not 1"),
        (say(peak=0.0), "is silent, though it says it has sound"),
        (flip, "picture.mp4 was changed"),
    ],
)
def test_what_is_broken_is_named_and_left_out(
    tmp_path: Path, damage: Callable[[Episode], None], reason: str
) -> None:
    write(tmp_path / "monday", "good")
    damage(write(tmp_path / "tuesday", "bad"))
    found = scan(tmp_path, whole=True)
    assert [each.path.name for each in found.episodes] == ["good"]
    [left] = found.left_out
    assert left.path.name == "bad"
    assert left.reason.startswith(reason)
    assert f"; 1 left out (bad: {reason}" in found.summary()


def test_a_silent_episode_of_a_world_with_sound_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "quiet", quiet=True)
    [left] = scan(tmp_path).left_out
    assert left.reason == "is silent, though it says it has sound"


def test_all_is_counted(tmp_path: Path) -> None:
    for run in ("monday", "tuesday"):
        for number in range(2):
            write(tmp_path / run, f"{number}", frames=12)
    found = scan(tmp_path)
    assert (len(found.episodes), found.frames, found.seconds) == (4, 48, 2.0)
    assert found.bytes == sum(
        p.stat().st_size for p in tmp_path.rglob("*") if p.is_file() and p.name != "meta.json"
    )
    assert found.world().buttons == INFO.buttons


def test_an_episode_can_be_named_itself(tmp_path: Path) -> None:
    assert len(scan(write(tmp_path).path).episodes) == 1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(INFO, width=32), "different sizes in .*: 64x48 .2. and 32x48 .1, such as odd."),
        (replace(INFO, fps=12), "different frame rates in .*: 24 .2. and 12 "),
        (replace(INFO, sample_rate=None), "different sample rates in .*: 22050 .2. and none "),
        (
            replace(INFO, buttons=(Button("fire", "Fire", ("Space",)),)),
            "different controls in .*: left, jump, turn .2. and fire, turn ",
        ),
        (replace(INFO, name="moor"), "different worlds in .*: meadow .2. and moor "),
    ],
)
def test_what_differs_is_refused_in_one_line(
    tmp_path: Path, other: WorldInfo, message: str
) -> None:
    for name, info in (("a", INFO), ("b", INFO), ("odd", other)):
        write(tmp_path, name, info=info, frames=4)
    with pytest.raises(MixedRecordings, match=message) as raised:
        scan(tmp_path).world()
    assert "\n" not in str(raised.value)


def test_numbers_that_all_have_are_the_state(tmp_path: Path) -> None:
    write(tmp_path, "a", names=("health", "ammo"))
    write(tmp_path, "b", names=("ammo", "keys"))
    assert scan(tmp_path).state() == ("ammo",)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRecordings, match=r"holds no whole episode$"):
        scan(tmp_path).world()
    with pytest.raises(NoRecordings, match="there is no folder"):
        scan(tmp_path / "none")
    (tmp_path / "x.part").mkdir()
    with pytest.raises(NoRecordings, match=r"no whole episode; 1 left out .x.part: was not fin"):
        scan(tmp_path).world()


def test_an_episode_with_damaged_media_of_the_right_size_says_so(tmp_path: Path) -> None:
    episode = write(tmp_path, frames=30)
    path = episode.path / "picture.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))
    with pytest.raises(Exception, match=r"picture.mp4 cannot be decoded"):
        episode.frames()
