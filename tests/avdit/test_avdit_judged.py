"""`lightcone evaluate --recordings`: a world against recorded play."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_avdit import INFO, saved, source

from lightcone.model.evaluation import evaluate
from lightcone.model.recordings.format import EpisodeMeta
from lightcone.model.recordings.writer import EpisodeWriter
from lightcone.model.training.avdit.export import hours_of, mark, marks


def recordings(folder: Path, length: int = 160) -> Path:
    [episode] = source((length,)).episodes
    meta = EpisodeMeta(INFO, length, "made up", state=("health", "angle"))
    with EpisodeWriter(folder, "0", meta) as writer:
        state = np.ascontiguousarray(np.asarray(episode.state)[:, :2])
        writer.write(episode.frames(), episode.sound(), episode.actions, state)
        writer.close()
    return folder


def test_figures_by_steps_beside_the_last_frame_and_the_codec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play, weights = recordings(tmp_path / "play"), saved(tmp_path / "weights")
    flags = ["--recordings", str(play), "--weights", str(weights), "--clips", "2", "--tries", "2"]
    flags += ["--context", "0.4"]
    sheet = tmp_path / "sheet.png"
    assert evaluate.main([*flags, "--json", "--sheet", str(sheet), "--rows", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["steps"]) == {"1", "2", "4"}
    for figures in found["steps"].values():
        first = figures["rollout_psnr_db"]["16"]
        assert figures["best_of_n_psnr_db"] >= first > 0
        assert figures["teacher_forced_psnr_db"] > 0
    assert set(found["trivial"]["rollout_psnr_db"]) == {"16", "64"}
    assert found["ceiling"]["sharpness"] > 0
    width, height = Image.open(sheet).size
    assert width > 5 * INFO.width
    assert height > 4 * INFO.height
    assert evaluate.main(flags) == 0
    assert "last frame" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("length", "more", "line"),
    [
        (60, [], "no recorded episode has"),
        (160, ["--world", "pond"], "know no world 'pond'"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    length: int,
    more: list[str],
    line: str,
) -> None:
    play, weights = recordings(tmp_path / "play", length), saved(tmp_path / "weights")
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--recordings", str(play), "--weights", str(weights), *more])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_a_curve_of_what_a_run_kept_on_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play, run = recordings(tmp_path / "play"), tmp_path / "run"
    weights = saved(run / "weights")
    config = json.loads((weights / "config.json").read_text())
    for hours in (0.1, 0.12, 0.2, 0.25):  # of which two are too near to the one before
        config["trained"]["hours"] = hours
        (weights / "config.json").write_text(json.dumps(config))
        mark(run, weights)
    assert [hours_of(folder) for folder in marks(run)] == [0.1, 0.2]
    flags = ["--recordings", str(play), "--run", str(run), "--clips", "1", "--tries", "1"]
    flags += ["--context", "0.4"]
    picture = tmp_path / "curve.png"
    assert evaluate.main([*flags, "--sheet", str(picture)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == [
        "hours",
        "0.100",
        "0.200",
        "0.250",
        "last",
        "codec",
    ]
    assert Image.open(picture).size[0] > 500
    assert evaluate.main([*flags, "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["curve"]
    assert [point["hours"] for point in points] == [0.1, 0.2, 0.25]
    with pytest.raises(SystemExit):
        evaluate.main([*flags[:2], "--run", str(tmp_path / "nothing")])
    assert "has weights yet" in capsys.readouterr().err
