"""Ablations: small trainings that differ in one thing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_avdit_judged import recordings

from lightcone.model.evaluation import ablations
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.training.avdit import train as training
from lightcone.model.training.avdit.transformer import Recipe


def test_variants_differ_in_one_thing_and_cost_as_many_chunks() -> None:
    c = AvditConfig(
        rows=4, columns=8, controls=3, numbers=4, angles=(0,), positions=(2, 3), scenery=8,
        turning=3, reach=1,
    )  # fmt: skip
    base = Recipe()
    for variant in ablations.VARIANTS.values():
        recipe = variant.recipe(variant.config(c, 35), base)
        assert recipe.batch * recipe.chunks == pytest.approx(base.batch * base.chunks, rel=0.2)
    configs = {variant.config(c, 35) for variant in ablations.VARIANTS.values()}
    assert len(configs) == len(ablations.VARIANTS) - 1  # own context is of the recipe
    assert ablations.VARIANTS["window 0.5 s"].config(c, 35).window == 4


def test_a_table_of_variants_and_seeds_of_another_size_than_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play = recordings(tmp_path / "play")
    base = ["--recordings", str(play), "--chunks", "6", "--batch", "2"]
    small = [*base, "--out", str(tmp_path / "run"), "--minutes", "0.02", "--steps", "1"]
    args = training.parser().parse_args(small)
    assert training.train(args)
    flags = [*base, "--size", "tiny", "--run", str(tmp_path / "run"), "--steps", "2"]
    flags += ["--held-out", str(play)]
    flags += ["--out", str(tmp_path / "out"), "--seeds", "1", "--clips", "1"]
    flags += ["--variants", "as it is", "no numbers"]
    assert ablations.main(flags) == 0
    rows = capsys.readouterr().out.splitlines()[-6:]  # of 1, 2 and 4 denoising steps each
    assert [row.split(" | ")[0] for row in rows] == ["| as it is"] * 3 + ["| no numbers"] * 3
    kept = tmp_path / "out" / "no-numbers-1" / ablations.RESULT
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"kept": 1}))
    assert ablations.main(flags) == 0
    assert "kept" in kept.read_text()
