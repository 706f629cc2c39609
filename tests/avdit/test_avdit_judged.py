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
