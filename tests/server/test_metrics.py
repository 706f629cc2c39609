"""What can be seen of a server from outside: `/metrics`, `/readyz`, `/status.json`, and that the
dashboard asks for nothing that is not there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from serving import Served

from lightcone.server.control.protocol import Welcome
from lightcone.server.http.status_bodies import Status

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
METRIC = re.compile(r"\blightcone_[a-z_]+")
ONLY_WITH_A_GPU = "lightcone_gpu_"


@pytest.fixture(scope="module")
def watched(serve: Callable[..., Served]) -> Iterator[Served]:
    """With two worlds, and room for one session of either."""
    server = serve(
        "--probe-compute-ms",
        "5",
        "--max-sessions",
        "1",
        "--grace-s",
        "0",
        worlds="probe,probe-wide",
    )
    yield server
    server.stop()


@pytest.fixture
async def http(watched: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with watched.client() as client:
        yield client


@pytest.fixture
async def session(watched: Served, http: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """One that is watched and driven, and has been for a while."""
    session = watched.new_session()
    viewer = ProbeViewer()
    await viewer.join(http, session["whep"])
    client = await ControlClient.open(watched.ws, session["control"])
    await viewer.until(60)
    yield session
    await client.close()
    await viewer.close()


async def families(http: httpx.AsyncClient) -> dict[str, Metric]:
    answer = await http.get("/metrics", headers={"accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    return {family.name: family for family in openmetrics(answer.text)}


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    """Of the one sample with this name and these labels, or the sum of those that have more."""
    values = [
        sample.value
        for family in found.values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert values, (name, labels)
    return sum(values)


async def test_a_watched_session_is_counted(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    found = await families(http)
    assert value(found, "lightcone_sessions", world="probe", phase="running") == 1
    assert value(found, "lightcone_sessions", world="probe-wide") == 0
    assert value(found, "lightcone_viewers", world="probe") == 1
    assert value(found, "lightcone_seats", world="probe") == 1
    assert value(found, "lightcone_sessions_by_level") == 1
    chunks = value(found, "lightcone_chunks_total", world="probe")
    steps = value(found, "lightcone_chunk_seconds_count", world="probe", part="step", batch="1")
    assert chunks >= steps >= 30
    assert value(found, "lightcone_frames_total", world="probe") == 2 * chunks
    assert value(found, "lightcone_encode_seconds_count", world="probe") > 0
    for kind in ("picture", "sound"):
        packets = value(found, "lightcone_sent_packets_total", world="probe", kind=kind)
        sent = value(found, "lightcone_sent_bytes_total", world="probe", kind=kind)
        assert 0 < packets < sent
    assert value(found, "lightcone_snapshot_seconds_count", world="probe") > 0
    assert value(found, "lightcone_lane_viewers", world="probe", lane="full") == 1
    assert value(found, "lightcone_lane_viewers", lane="thin") == 0
    assert value(found, "lightcone_lane_bits_per_second", lane="full") <= 2_000_000
    assert value(found, "lightcone_lowest_estimate_bits_per_second", lane="full") > 10_000
    assert value(found, "lightcone_lane_moves_total") == 0
    assert value(found, "lightcone_loop_lag_seconds_count") > 0


async def test_memory_and_busy_threads_are_those_of_the_processes(
    watched: Served, http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    found = await families(http)
    assert value(found, "lightcone_worker_up", worker="0") == 1
    for name in ("lightcone_memory_bytes", "lightcone_worker_memory_bytes"):
        assert 10e6 < value(found, name) < 10e9
    for thread in ("step", "encode"):
        assert value(found, "lightcone_busy_seconds_total", thread=thread) > 0


async def test_counts_outlive_their_sessions(
    watched: Served, http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    before = await families(http)
    await http.delete(f"/sessions/{session['id']}")
    after = await families(http)
    for name in ("lightcone_chunks_total", "lightcone_sent_bytes_total"):
        assert value(after, name, world="probe") >= value(before, name, world="probe")
    assert value(after, "lightcone_sessions") == 0
    over = value(before, "lightcone_sessions_over_total", how="ended")
    assert value(after, "lightcone_sessions_over_total", how="ended") == over + 1


async def test_labels_do_not_grow_with_sessions(watched: Served, http: httpx.AsyncClient) -> None:
    async def series() -> set[tuple[str, str]]:
        found = await families(http)
        return {(s.name, str(s.labels)) for family in found.values() for s in family.samples}

    watched.new_session()
    before = await series()
    for _ in range(3):
        session = watched.new_session()
    after = await series()
    assert after == before
    assert not any(session["id"] in labels for _, labels in after)


async def test_the_dashboard_asks_for_metrics_that_exist(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    text = (await http.get("/metrics")).text
    known = {family.name for family in plain(text)}
    sampled = {sample.name for family in plain(text) for sample in family.samples}
    queries = [
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
    ]
    asked = {name for query in queries for name in METRIC.findall(query)}
    assert len(asked) > 20
    for name in asked:
        assert name in (known if name.startswith(ONLY_WITH_A_GPU) else sampled), name
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in asked}
    exported = {name.removesuffix("_created") for name in known if name.startswith("lightcone_")}
    assert exported - shown == set(), "a metric that no panel shows"


async def test_ready_while_there_is_room(watched: Served, http: httpx.AsyncClient) -> None:
    session = watched.new_session()
    somebody = await ControlClient.open(watched.ws, session["control"])
    await somebody.receive(Welcome)  # whoever is there makes no room
    full = await http.get("/readyz")
    assert (full.status_code, full.json()["ready"]) == (503, False)
    assert "no room" in full.json()["reason"]
    ticket = (await http.post("/sessions")).json()["ticket"]
    assert "queue of 1" in (await http.get("/readyz")).json()["reason"]
    assert (await http.get("/healthz")).status_code == 200
    await http.delete(f"/queue/{ticket}")
    await http.delete(f"/sessions/{session['id']}")
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reason": None})
    await somebody.close()


async def test_the_status_is_of_this_server(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    status = Status.model_validate((await http.get("/status.json")).json())
    [shown] = status.sessions
    assert (shown.id, shown.world, shown.phase) == (session["id"], "probe", "running")
    assert (shown.viewers, shown.seats, shown.driver, shown.level) == (1, 1, True, "full")
    assert shown.world_time > 1
    assert shown.chunk_ms >= 5
    assert shown.deadline_ms == pytest.approx(2 / 24 * 1000)
    assert shown.picture_bytes > 0
    assert shown.sound_bytes > 0
    assert status.totals.chunks >= 30
    assert status.totals.picture_bytes >= shown.picture_bytes
    assert status.memory_bytes > 10e6
    [worker] = status.workers
    assert worker.memory_bytes > 10e6
    assert worker.gpu is None
    assert not status.readiness.ready


async def recovered(http: httpx.AsyncClient) -> dict[str, Metric]:
    """What is found once a lost worker is replaced."""
    while True:
        found = await families(http)
        if value(found, "lightcone_recoveries_total"):
            return found
        await asyncio.sleep(0.2)


async def test_a_lost_worker_is_counted(serve: Callable[..., Served]) -> None:
    server = serve("--probe-compute-ms", "5")
    async with server.client() as http:
        [worker] = (await http.get("/healthz")).json()["workers"]
        os.kill(worker["pid"], signal.SIGKILL)
        found = await recovered(http)
        assert value(found, "lightcone_workers_lost_total") == 1
        assert value(found, "lightcone_worker_up") == 1
        assert (await http.get("/readyz")).status_code == 200
        assert (await http.get("/status.json")).json()["totals"]["workers_lost"] == 1
    server.stop()
