"""The commands as they are run, shortly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lightcone.bench.cli import main


def report(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_latency_of_the_probe_without_a_browser(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("latency", "--world", "probe", "--client", "headless", "--presses", "5")
    found = report(capsys, *command, "--serve", "--probe-compute-ms 5")
    for key in ("key_to_photon_ms", "key_to_ear_ms"):
        assert found[key]["n"] == 5
        assert 0 < found[key]["p50"] <= found[key]["p95"] <= found[key]["p99"]
    assert found["fps"] > 0
    assert found["stalls"] >= 0
    assert found["receipt_error_frames"] == 0
    assert found["beep_error_ms"] < 1000 / 24
    probe = found["probe"]
    assert (probe["code_errors"], probe["unseen"], probe["unheard"]) == (0, 0, 0)
    assert found["clients"]["headless"]["unanswered"] == 0


def test_latency_of_the_probe_in_chromium(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("latency", "--world", "probe", "--client", "chromium", "--presses", "4")
    found = report(capsys, *command, "--serve", "--probe-compute-ms 5")
    assert found["key_to_photon_ms"] == found["clients"]["chromium"]["key_to_photon_ms"]
    for key in ("key_to_photon_ms", "key_to_ear_ms"):
        assert found[key]["n"] == 4
        assert found[key]["p50"] > 0
    assert found["clients"]["chromium"]["unanswered"] == 0
    assert found["machine"]["packages"]["chromium"]


def test_viewers_and_their_cost(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "viewers", "--world", "probe", "--max", "2", "--seconds", "1")
    assert set(found["percent_of_a_core"]) == {"1", "2"}
    assert isinstance(found["percent_of_a_core_per_extra_viewer"], float)


def test_sustaining_a_world(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "sustain", "--world", "probe", "--seconds", "2", "--viewers", "2")
    assert found["fps"] > 0
    assert found["chunk_over_duration"]["n"] > 0
    for key in ("resident_mb_at_start", "resident_mb_at_end", "cpu_percent_of_a_core"):
        assert set(found[key]) == {"server", "model"}


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["chunk", "--weights", "/nowhere"], "no weights in /nowhere"),
        (["latency", "--url", "http://127.0.0.1:9", "--client", "headless"], "no server at"),
        (["viewers", "--max", "1"], "two viewers or more"),
        (["latency", "--world", "probe", "--serve", "--port 99999"], "did not start"),
    ],
)
def test_what_can_not_be_measured_is_one_line(
    argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert reason in said.err
