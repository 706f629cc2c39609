"""`bench chunk`: by part, of a batch, and over minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_worlds import small_weights

from lightcone.bench.chunk_minutes import Noted, compared
from lightcone.bench.cli import main


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights for small worlds."""
    folder = tmp_path_factory.mktemp("weights")
    small_weights().save(folder)
    return folder


def report(capsys: pytest.CaptureFixture[str], weights: Path, *flags: str) -> dict[str, Any]:
    assert main(["chunk", "--weights", str(weights), *flags, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_chunk_by_part(capsys: pytest.CaptureFixture[str], weights: Path) -> None:
    found = report(capsys, weights, "--chunks", "3", "--steps", "2", "--batch", "2")
    assert "none" in found["cache_pass"]
    assert (found["steps"], found["batch"]) == (2, 2)
    assert set(found["ms"]) == {"denoise", "picture", "sound", "total"}
    assert all(part["n"] == 3 and part["p50"] > 0 for part in found["ms"].values())
    assert found["memory_mb"]["state"] > 0
    assert "first_minute" not in found


@pytest.mark.parametrize("pace", [[], ["--unpaced"]])
def test_minutes_on_the_clock(
    capsys: pytest.CaptureFixture[str], weights: Path, pace: list[str]
) -> None:
    found = report(capsys, weights, "--chunks", "1", "--real-minutes", "0.01", *pace)
    assert found["paced"] == (not pace)
    for window in ("first_minute", "last_minute"):
        assert found[window]["ms"]["p50"] > 0
        assert found[window]["memory_mb"] > 1
    assert found["ratio_time"] > 0
    assert found["ratio_memory"] > 0


def test_a_leak_and_a_slowing_down_are_seen() -> None:
    noted = [Noted(at=t, ms=10 + t / 60, memory_mb=100 + t) for t in range(1, 601)]
    found = compared(noted)
    first = found["first_minute"]
    assert first["memory_mb"] == 130.5
    assert first["ms"].items() >= {"p50": 10.51, "p95": 10.95, "p99": 10.99, "n": 60}.items()
    assert found["last_minute"]["ms"]["n"] == 60
    assert found["ratio_time"] == pytest.approx(19.5 / 10.5, abs=0.01)
    assert found["ratio_memory"] == pytest.approx(670.5 / 130.5, abs=0.01)


def test_a_short_run_is_compared_by_halves() -> None:
    found = compared([Noted(1.0, 10, 100), Noted(2.0, 10, 100), Noted(3.0, 30, 100)])
    assert found["ratio_time"] == 2.0
    slow_start = compared([Noted(5.0, 10, 100), Noted(6.0, 30, 200)])
    assert (slow_start["ratio_time"], slow_start["ratio_memory"]) == (3.0, 2.0)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "soon"])
def test_minutes_that_can_not_be_run(minutes: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["chunk", "--real-minutes", minutes])
    assert stopped.value.code == 2


def test_a_report_for_people(capsys: pytest.CaptureFixture[str], weights: Path) -> None:
    assert main(["chunk", "--weights", str(weights), "--chunks", "1"]) == 0
    assert "chunk duration ms: 83.33" in capsys.readouterr().out
