"""`bench model`: it runs where there is no GPU, and its floor is that of the full model."""

from __future__ import annotations

import json

import pytest

from lightcone.bench.cli import main
from lightcone.bench.model_command import _decoder_flops
from lightcone.model.families.wan.network.config import WanConfig
from lightcone.model.families.wan.variants import VARIANTS


def test_a_tiny_one_is_measured_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--steps", "1", "--window", "6", "--sink", "0", "--chunks", "1", "--json"]
    assert main(["model", "--family", "wan-tiny", *flags]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["weights"] == "random"
    chunk = found["chunk"]
    whole = chunk["noise ms"] + chunk["transformer ms"] + chunk["decoder ms"]
    assert chunk["whole ms"] == pytest.approx(whole, abs=0.1)
    assert found["settings"]["attention"] == "sdpa"
    assert chunk["fps of each session"] == pytest.approx(12_000 / chunk["whole ms"], rel=0.01)
    assert found["floor"]["whole ms"] > 0


def test_matrix_game_in_eight_bits_with_the_fast_decoder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--steps", "1", "--chunks", "1", "--fp8-kv", "--fp8-linears", "--decoder", "taehv"]
    assert main(["model", "--family", "matrix-game-tiny", *flags, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["settings"]["window"], found["settings"]["picture"]) == (6, "112x64")
    first, newest = found["eight_bits"].values()
    assert 0 < first < 0.3
    assert 0 < newest < 0.5


@pytest.mark.parametrize(
    "flags", [["--window", "7"], ["--size", "830x480"], ["--weights", "nowhere"]]
)
def test_what_can_not_be_measured_is_one_line(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", *flags]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_floor_counts_all_of_the_full_model() -> None:
    passes = 5 * WanConfig().flops(3, 12)
    assert passes == pytest.approx(141e12, rel=0.02)
    assert 3 * _decoder_flops(VARIANTS["longlive"]) == pytest.approx(40e12, rel=0.15)
