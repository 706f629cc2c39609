"""The commands as they are run, shortly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from serving import Served

from lightcone.bench.cli import main


def report(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# A media time names a frame only at the full rate: a busy machine is not to lower it.
FLAGS = ("--probe-compute-ms", "5", "--min-rate", "1")
FULL_RATE = ("--serve", " ".join(FLAGS))


@pytest.fixture(scope="module")
def running(serve: Callable[..., Served]) -> tuple[str, str]:
    """A server of several formats that runs already, as a flag."""
    worlds = "probe,probe-long,probe-35,probe-60"
    return "--url", serve(*FLAGS, "--overbook", "100", worlds=worlds).url


def test_latency_of_the_probe_without_a_browser(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("latency", "--world", "probe", "--client", "headless", "--presses", "5")
    found = report(capsys, *command, *FULL_RATE)
    for key in ("key_to_photon_ms", "key_to_ear_ms"):
        assert found[key]["n"] == 5
        assert 0 < found[key]["p50"] <= found[key]["p95"] <= found[key]["p99"]
    assert found["key_to_display_ms"] is None
    assert found["fps"] > 0
    assert found["stalls"] >= 0
    assert found["lost"] == 0
    assert found["receipt_error_frames"] == 0
    probe = found["probe"]
    assert (probe["code_errors"], probe["unseen"], probe["unheard"]) == (0, 0, 0)
    headless = found["clients"]["headless"]
    assert headless["unanswered"] == 0
    assert [sample["photon"] > 0 for sample in headless["samples"]] == [True] * 5


@pytest.mark.parametrize("world", ["probe-long", "probe-35", "probe-60"])
def test_receipts_hold_in_any_format(
    capsys: pytest.CaptureFixture[str], running: tuple[str, str], world: str
) -> None:
    command = ("latency", "--world", world, "--client", "headless", "--presses", "3")
    found = report(capsys, *command, *running)
    assert found["key_to_photon_ms"]["n"] == 3
    assert (found["key_to_ear_ms"] is None) == (world == "probe-long")
    assert found["receipt_error_frames"] == 0
    probe = found["probe"]
    assert (probe["code_errors"], probe["unseen"], probe["unheard"]) == (0, 0, 0)


def test_latency_of_the_probe_in_chromium(
    capsys: pytest.CaptureFixture[str], running: tuple[str, str]
) -> None:
    command = ("latency", "--world", "probe", "--client", "chromium", "--presses", "4")
    found = report(capsys, *command, *running)
    assert found["key_to_photon_ms"] == found["clients"]["chromium"]["key_to_photon_ms"]
    # a browser on a busy machine may not present a frame for seconds: such a press is counted
    for key in ("key_to_photon_ms", "key_to_display_ms"):
        assert found[key]["n"] == 4 - found["lost"] > 0
        assert found[key]["p50"] > 0
    assert found["key_to_ear_ms"]["n"] == 4 - found["clients"]["chromium"]["unanswered"] > 0
    assert all(sample["display"] > 0 for sample in found["clients"]["chromium"]["samples"])
    assert found["machine"]["packages"]["chromium"]


def test_sessions_that_hold_their_rate(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("sessions", "--world", "probe", "--max", "1", "--rounds", "2")
    short = ("--trial", "1", "--seconds", "1")
    found = report(capsys, *command, *short, "--serve", "--probe-compute-ms 1")
    assert {found["batched"], found["one_at_a_time"]} <= {0, 1}
    assert found["ratio"] > 0
    assert set(found["held"]) == {"batched", "one_at_a_time"}


def test_joins(capsys: pytest.CaptureFixture[str], running: tuple[str, str]) -> None:
    joins = report(capsys, "joins", "--world", "probe", *running, "--joins", "2")
    assert joins["join_to_first_picture_ms"]["n"] == len(joins["samples_ms"]) == 2


def test_a_fork(capsys: pytest.CaptureFixture[str], running: tuple[str, str]) -> None:
    fork = report(capsys, "fork", "--world", "probe", *running, "--forks", "1")
    assert fork["deadlines_missed"] >= 0
    assert 0 < fork["lowest_rate"] <= 1
    assert fork["first_picture_ms"]["n"] == 1


def test_the_lag_of_the_event_loop(
    capsys: pytest.CaptureFixture[str], running: tuple[str, str]
) -> None:
    few = ("--sessions", "2", "--viewers", "3", "--seconds", "1")
    lag = report(capsys, "lag", "--world", "probe", *running, *few)
    assert (lag["sessions"] == lag["sessions_asked_for"]) == (lag["no_room"] is None)
    assert lag["viewers"] == len(lag["fps_at_viewers"]) == 3
    assert 0 <= lag["loop_lag_ms"]["p50"] <= lag["loop_lag_ms"]["p99"]


def test_the_lag_of_as_many_sessions_as_are_admitted(capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--world", "probe", "--serve", "--probe-compute-ms 1 --max-sessions 1")
    lag = report(capsys, "lag", *few, "--sessions", "3", "--viewers", "2", "--seconds", "1")
    assert (lag["sessions"], lag["sessions_asked_for"], lag["viewers"]) == (1, 3, 2)
    assert "no room for one more session" in lag["no_room"]


def test_a_killed_worker(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "recovery", "--world", "probe", "--kills", "1", "--sessions", "2")
    [recovery] = found["recoveries"]
    assert recovery["sessions"] == 2
    assert recovery["seconds"] > recovery["warm_up_s"] > 0


def test_snapshots_beside_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "snapshots", "--world", "probe", "--seconds", "1")
    assert found["share_of_chunk_time"] > 0
    assert found["bytes"] > 0


def test_viewers_and_their_cost(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "viewers", "--world", "probe", "--max", "2", "--seconds", "1")
    assert set(found["percent_of_a_core"]) == set(found["fps_of_the_slowest"]) == {"1", "2"}
    assert isinstance(found["percent_of_a_core_per_extra_viewer"], float)


def test_sustaining_a_session(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "sustain", "--world", "probe", "--seconds", "2", "--viewers", "2")
    assert found["fps"] > 0
    assert 0 <= found["held"] <= 1
    assert found["chunk_over_duration"]["n"] > 0
    for key in ("resident_mb_at_start", "resident_mb_at_end", "cpu_percent_of_a_core"):
        assert set(found[key]) == {"server", "model"}


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["chunk", "--weights", "/nowhere"], "no weights in /nowhere"),
        (["latency", "--url", "http://127.0.0.1:9", "--client", "headless"], "no server at"),
        (["viewers", "--max", "1"], "two viewers or more"),
        (["snapshots", "--world", "atlantis"], "unknown world 'atlantis'"),
        (["joins", "--url", "http://127.0.0.1:9"], "no server at"),
        (["latency", "--world", "probe", "--serve", "--port 99999"], "did not start"),
    ],
)
def test_what_can_not_be_measured_is_one_line(
    argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert reason in printed.err
