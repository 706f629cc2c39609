"""`lightcone evaluate --world doom`: what it takes and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightcone.model.evaluation import evaluate
from lightcone.model.evaluation.judge.protocol import NotJudged
from lightcone.model.evaluation.judge.run import Plan, cost
from lightcone.model.evaluation.judge.senses.monsters import MonsterDetector, MonsterNet
from lightcone.model.interface import WorldInfo


def test_without_a_world_one_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([])
    assert "--world" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        evaluate.main(["--world", "atlantis"])
    assert "'atlantis' has no truth here (known: doom, court" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--minutes", "-1"], "0 or more"),
        (["--context", "0"], "above 0"),
        (["--seeds", "5:5"], "names no seeds"),
        (["--seeds", "0,4000000000"], "at most 2147483647"),
    ],
)
def test_flags_that_make_no_sense(
    flags: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--world", "doom", *flags])
    assert line in capsys.readouterr().err


def test_without_weights_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--world", "doom", "--weights", str(tmp_path), "--kept", str(tmp_path)])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("lightcone evaluate: ")
    assert error.count("\n") == 1


def test_a_detector_is_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "detector.safetensors"
    MonsterDetector(MonsterNet(), 0.3).save(path)
    assert path.stat().st_size < 400_000
    MonsterDetector.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(NotJudged, match="holds no detector"):
        MonsterDetector.load(path)


def test_a_plan_counts_its_chunks_and_runs_long_last() -> None:
    info = WorldInfo("doom", "", "", 8, 8, (), fps=35, chunk_frames=(4,))
    plan = Plan("doom", (1, 2, 3), long_seeds=2, minutes=10)
    assert [part for _, part in plan.parts()].count("long") == 2
    assert plan.parts()[-1] == (2, "long")
    assert cost(plan, "long", info) == 5250
    assert cost(plan, "clip", info) == 18 + 2 * 16 + 32 + 4
    assert plan.chunks(info) == 3 * (86 + 2 * (18 + 6)) + 2 * 5250
    assert not any(part == "long" for _, part in Plan("doom", (1,), minutes=0).parts())
