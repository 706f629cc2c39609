"""Weights that are spread over processes are trained as those that each process has whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_avdit import transformer

from lightcone.model.runtime.checkpoint import read
from lightcone.model.training.avdit import train as training
from lightcone.model.training.parallel import Group

HERE = Path(__file__).parent


def test_spread_weights_are_trained_as_whole_ones(tmp_path: Path) -> None:
    by = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = str(HERE / "sharded_training.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*by, script, str(tmp_path)], check=True, env=environment)
    equal, sharded = (read(tmp_path / f"{name}.pt") for name in ("equal", "sharded"))
    assert equal["step"] == sharded["step"] == 6
    before = transformer().state_dict()
    for part in ("module", "ema"):
        assert sharded[part].keys() == before.keys()
        apart, moved = (
            sum(float((sharded[part][name] - other[name]).square().sum()) for name in before)
            for other in (equal[part], before)
        )
        assert apart < 1e-3 * moved


def test_what_one_process_does_alone_needs_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    group = Group(alone=True)  # which would wait for the other one
    assert group.leads
    assert group.agree(3.0) == 3.0


def test_one_process_cannot_spread_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        training.main(
            ["--recordings", str(tmp_path), "--out", str(tmp_path), "--steps", "1", "--shard"]
        )
    assert "torchrun started only one" in capsys.readouterr().err
