"""`lightcone record`: processes that play."""

from __future__ import annotations

from ctypes.util import find_library
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightcone.model.families.env.player import episode_seed
from lightcone.model.interface import WorldInfo
from lightcone.model.recordings import record
from lightcone.model.recordings.crew import Crew
from lightcone.model.recordings.job import Job
from lightcone.model.recordings.plan import Plan
from lightcone.model.recordings.players.agents import Agent, AimingPlayer
from lightcone.model.recordings.players.sources import AgentSource
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import scan

audible = pytest.mark.skipif(
    find_library("openal") is None, reason="silent: needs apt-get install libopenal1"
)
CART = Job(env="CartPole-v1", out=Path(), seed=3, size=(60, 40))  # 50 frames a second


def episodes(folder: Path) -> tuple[Episode, ...]:
    found = scan(folder, whole=True)
    assert not found.left_out
    return found.episodes


def digests(folder: Path) -> dict[str, str]:
    return {e.path.name: e.meta.digest for e in episodes(folder)}


def test_the_same_seed_gives_the_same_recordings(tmp_path: Path) -> None:
    for name, processes in (("one", 1), ("two", 2)):
        record.record(replace(CART, out=tmp_path / name), 2.0, processes)
    first = episodes(tmp_path / "one")
    assert sum(map(len, first)) == 100
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    meta = first[1].meta
    assert (meta.info.name, meta.info.width, meta.info.height) == ("CartPole-v1", 60, 40)
    assert meta.seed == episode_seed(3, 1)
    assert meta.source == "env:CartPole-v1, played by random"
    assert [each.meta.ended for each in first] == [True] * (len(first) - 1) + [False]


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    job = replace(CART, out=tmp_path / "parts")
    record.record(job, 0.5, 1)
    done = record.record(job, 2.0, 1)
    assert (done.frames, 0 < done.before < 25) == (100, True)
    record.record(replace(CART, out=tmp_path / "whole"), 2.0, 1)
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")
    again = record.record(job, 1.0, 1)  # there is more already: it stays
    assert again.seconds == 0
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")


def test_what_is_stopped_keeps_whole_episodes(tmp_path: Path) -> None:
    made = 0

    def stop(frames: int) -> None:
        nonlocal made
        made += frames
        if made > 30:  # some episodes, for they are short
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Crew(replace(CART, out=tmp_path), 1) as crew:
        crew.run(Plan(1_000_000, 1000), stop)
    assert len(episodes(tmp_path)) > 1


def hold(info: WorldInfo, seed: int) -> Agent:
    """A user's agent, who sees the picture."""
    inputs = info.actions([info.buttons[-1].name])[0]
    return lambda view: inputs * (view.picture.shape == (120, 160, 3))


@audible
def test_doom_is_recorded_with_all_that_is_known(tmp_path: Path) -> None:
    name = f"{__name__}:hold"
    flags = [
        "--env", "vizdoom/basic", "--agent", name, "--minutes", "0.02", "--seed", "1",
        "--out", str(tmp_path), "--processes", "1", "--size", "160x120", "--world", "doom",
    ]  # fmt: skip
    assert record.main(flags) == 0
    [episode] = episodes(tmp_path)
    assert (len(episode), episode.meta.info.name) == (42, "doom")
    assert episode.meta.licence == "Freedoom (BSD-3-Clause), ViZDoom (MIT)"
    assert episode.path.name == "test_record.hold-1-000000"
    heard, numbers = episode.sound(), episode.state
    assert heard is not None
    assert numbers is not None
    assert heard.shape == (42 * 630,)
    assert episode.meta.peak > 0.1  # shots
    ammunition = numbers[:, episode.meta.state.index("ammo2")]
    assert ammunition[0] > ammunition[-1] > 0
    np.testing.assert_array_equal(episode.actions[:, -1], 1.0)
    assert "Monster/Cacodemon" in episode.meta.kinds
    assert ((episode.labels[:, 3:] >= 0) & (episode.labels[:, 3:] <= 1)).all()
    assert np.abs(np.diff(episode.frames(0, 30).astype(int), axis=0)).any((1, 2, 3)).all()


@audible
def test_an_episode_of_doom_does_not_depend_on_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # ViZDoom leaves files

    def source() -> AgentSource:
        env = "vizdoom/defend_the_center"
        return AgentSource(env, "doom", AimingPlayer, 1, (160, 120))

    def played(source: AgentSource, seed: int, most: int) -> list[bytes]:
        pieces = list(source.episode(0, seed, most))
        arrays = [(p.frames, p.sound, p.actions, p.state) for p in pieces]
        return [a.tobytes() for piece in arrays for a in piece if a is not None]

    fresh, used = source(), source()
    for seed, most in ((1, 300), (2, 400), (3, 20)):  # cut, played to its end, cut
        played(used, seed, most)
    assert played(used, 4, 300) == played(fresh, 4, 300)
    fresh.close()
    used.close()


@pytest.mark.parametrize("world", ["court", "corridors"])
def test_simulators_are_recorded(world: str, tmp_path: Path) -> None:
    job = Job(env=world, out=tmp_path, seed=2, size=(64, 48), episode_seconds=0.5)
    record.record(job, 0.75, 1)
    one, other = episodes(tmp_path)
    assert (len(one), len(other), one.meta.info.fps) == (12, 6, 24)
    assert one.meta.text[0][1]  # in words
    assert one.meta.source == f"simulator {world}, played by drivers"
    assert one.frames().std() > 5


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--env", "nothing/such", "--minutes", "1"], 1, "no environment 'nothing/such'"),
        (["--env", "vizdoom/mars", "--minutes", "1"], 1, "ViZDoom has no scenario 'mars'"),
        (["--env", "court", "--minutes", "1", "--size", "96x48"], 1, "are 4 to 3, such as"),
        (["--env", "x", "--agent", "y", "--minutes", "1"], 1, "unknown agent 'y'"),
        (
            ["--env", "CartPole-v1", "--agent", "scripted", "--minutes", "1"],
            1,
            "the scripted agent cannot aim in 'CartPole-v1': use random",
        ),
        (["--env", "x", "--minutes", "0"], 2, "times have to be positive"),
        (["--env", "x"], 2, "--minutes --hours is required"),
        (["--env", "x", "--minutes", "1", "--processes", "0"], 2, "1 or more"),
    ],
)
def test_what_cannot_be_recorded_is_named(
    flags: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        record.main(["--processes", "1", *flags, "--out", str(tmp_path / "out")])
    assert stopped.value.code == code
    assert message in capsys.readouterr().err


def test_other_settings_need_another_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = replace(CART, out=tmp_path, action_repeat=2)
    record.record(job, 0.2, 1)
    flags = ["--env", "CartPole-v1", "--minutes", "1", "--seed", "3", "--processes", "1"]
    with pytest.raises(SystemExit):
        record.main([*flags, "--out", str(tmp_path), "--size", "64x48"])
    assert "was recorded with other settings: take another --out" in capsys.readouterr().err
