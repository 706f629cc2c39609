"""Sessions in time: going back, forking, snapshots, logs and recordings, on a real server."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import Served

from lightcone.model.families.probe.picture import read_frame_code, read_ground
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.server.control.protocol import Input, Receipt, Status, Welcome
from lightcone.server.sessions.action_log import LoggedChunk, LoggedPrompt, parse_log

FILE = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Iterator[Served]:
    server = serve("--probe-compute-ms", "5", "--history-s", "2", worlds="probe,probe-wide")
    yield server
    server.stop()


@pytest.fixture
async def http(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with server.client() as client:
        yield client


@pytest.fixture
def session(server: Served) -> dict[str, Any]:
    return server.new_session(prompt="red")


@pytest.fixture
async def viewer(http: httpx.AsyncClient, session: dict[str, Any]) -> AsyncIterator[ProbeViewer]:
    async for viewer in watching(http, session):
        yield viewer


async def watching(http: httpx.AsyncClient, session: dict[str, Any]) -> AsyncIterator[ProbeViewer]:
    viewer = ProbeViewer()
    await viewer.join(http, session["whep"])
    await viewer.until_first()
    yield viewer
    await viewer.close()


def path(session: dict[str, Any], what: str) -> str:
    return f"/sessions/{session['id']}/{what}"


def check_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_going_back(
    http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    await viewer.until(60)
    went = (await http.post(path(session, "rewind"), json={"seconds": 1})).json()
    assert 0 < went["world_frame"] < 60
    await viewer.until_back()
    await viewer.until_more(20)
    assert viewer.times == sorted(set(viewer.times))
    await viewer.until(120)
    for body in ({"seconds": 600}, {"world_frame": 0}, {"world_frame": 2**40}):
        check_problem(await http.post(path(session, "rewind"), json=body), 409, "too-far-back")
    for wrong in ({}, {"seconds": 1, "world_frame": 1}, {"seconds": -1}):
        answer = await http.post(path(session, "rewind"), json=wrong)
        check_problem(answer, 422, "invalid-request")


async def test_a_fork_is_a_second_session_from_this_moment(
    http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    await viewer.until(40)
    made = await http.post(path(session, "fork"), json={"prompt": "blue"})
    assert made.status_code == 201
    forked = made.json()
    assert made.headers["location"] == f"/sessions/{forked['id']}"
    assert forked["world_frame"] >= 38
    assert forked["seed"] == session["seed"]
    async for other in watching(http, forked):
        await other.until(forked["world_frame"] + 30)
        assert other.seen[0][0] >= forked["world_frame"]
        assert other.grounds[other.seen[-1][0]] == "blue"
        await viewer.until_more(10)
        assert viewer.grounds[viewer.seen[-1][0]] == "red"
    check_problem(
        await http.post(path(session, "fork"), json={"prompt": "moon"}), 422, "unknown-words"
    )
    assert len((await http.get("/sessions")).json()) == 2
    log = parse_log((await http.get(path(forked, "log"))).content)
    assert (log.start.frame, log.start.seed) == (forked["world_frame"], session["seed"])
    assert log.start.snapshot is not None
    assert isinstance(log.entries[0], LoggedPrompt)
    assert forked["id"].encode() in (await http.get(path(session, "log"))).content


async def test_a_snapshot_is_kept_downloaded_uploaded_and_started_from(
    http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    await viewer.until(40)
    saved = await http.post(path(session, "snapshot"))
    assert saved.status_code == 201
    kept = saved.json()
    assert saved.headers["location"] == f"/snapshots/{kept['id']}"
    assert (kept["world"], kept["world_frame"] >= 38, kept["bytes"] > 0) == ("probe", True, True)
    assert kept in (await http.get("/snapshots")).json()
    data = (await http.get(f"/snapshots/{kept['id']}")).content
    assert len(data) == kept["bytes"]
    assert (await http.delete(f"/snapshots/{kept['id']}")).status_code == 204
    check_problem(await http.get(f"/snapshots/{kept['id']}"), 404, "unknown-snapshot")
    again = (await http.post("/snapshots", content=data, headers=FILE)).json()
    assert {**again, "id": "", "created": 0} == {**kept, "id": "", "created": 0}
    made = await http.post("/sessions", json={"snapshot": again["id"]})
    assert made.status_code == 201
    started = made.json()
    assert (started["world"], started["prompt"]) == ("probe", "red")
    assert started["world_frame"] == kept["world_frame"]
    async for other in watching(http, started):
        await other.until_more(5)
        assert other.seen[0][0] >= kept["world_frame"]
        assert other.grounds[other.seen[0][0]] == "red"


async def test_snapshots_that_can_not_be_started_from(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    kept = (await http.post(path(session, "snapshot"))).json()
    data = (await http.get(f"/snapshots/{kept['id']}")).content
    for spoiled in (b"", b"x", data[:-1], data + b"x"):
        answer = await http.post("/snapshots", content=spoiled, headers=FILE)
        check_problem(answer, 422, "bad-snapshot")
    check_problem(await http.post("/snapshots", content=data), 415, "unsupported-media-type")
    other_weights = pack(replace(unpack(data), fingerprint="other weights"))
    other_world = pack(replace(unpack(data), world="court"))
    for other, reason in ((other_weights, "other weights"), (other_world, "court")):
        stored = (await http.post("/snapshots", content=other, headers=FILE)).json()
        answer = await http.post("/sessions", json={"snapshot": stored["id"]})
        check_problem(answer, 422, "bad-snapshot")
        assert reason in answer.json()["detail"]
    wide = {"snapshot": kept["id"], "world": "probe-wide"}
    check_problem(await http.post("/sessions", json=wide), 422, "bad-snapshot")
    seeded = {"snapshot": kept["id"], "seed": 3}
    check_problem(await http.post("/sessions", json=seeded), 422, "invalid-request")
    assert len((await http.get("/sessions")).json()) == 1


async def test_the_log_has_every_chunk_and_what_it_was_made_with(
    server: Served, http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    driver = await ControlClient.open(server.ws, session["control"])
    await driver.receive(Welcome)
    await driver.send(Input(seq=1, t=0, buttons=["jump"], axes={"turn": 1.5}))
    pressed = await driver.receive(Receipt)
    await viewer.until(pressed.world_frame + 20)
    await driver.close()
    answer = await http.get(path(session, "log"))
    log = parse_log(answer.content)
    assert (log.start.world, log.start.seed) == ("probe", session["seed"])
    assert (log.start.prompt, log.start.frame) == ("red", 0)
    chunks = [entry for entry in log.entries if isinstance(entry, LoggedChunk)]
    assert [chunk.frame for chunk in chunks] == list(range(0, 2 * len(chunks), 2))
    jump = log.start.controls.index("jump")
    held = [chunk.frame for chunk in chunks if chunk.actions[:, jump].any()]
    assert pressed.world_frame in range(held[0], held[0] + 2)


async def test_a_recording_can_be_played_and_its_log_read(
    server: Served, http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    spectator = await ControlClient.open(server.ws, session["control"], "spectator")
    begun = await http.post(path(session, "recording"))
    assert begun.status_code == 201
    files = begun.json()
    assert (await http.post(path(session, "recording"))).json() == files
    await spectator.receive(Status, recording=True)
    await viewer.until_more(60)
    assert (await http.delete(path(session, "recording"))).json() == files
    await spectator.receive(Status, recording=False)
    check_problem(await http.delete(path(session, "recording")), 404, "unknown-recording")
    video = await http.get(files["video"])
    assert video.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(video.content)) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with av.open(io.BytesIO(video.content)) as container:
        sound = sum(frame.samples for frame in container.decode(audio=0))
    frames = [read_frame_code(picture)[0] for picture in pictures]
    assert len(frames) > 40
    assert frames == sorted(frames)
    assert read_ground(pictures[-1]) == "red"
    assert sound / 48_000 == pytest.approx(len(frames) / 24, abs=0.5)
    log = parse_log((await http.get(files["log"])).content)
    assert log.entries[-1].frame >= frames[-1] - 2
    await spectator.close()


async def test_where_nothing_can_be_written_the_session_goes_on(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    server = serve("--data-dir", str(blocked), "--probe-compute-ms", "5")
    session = server.new_session()
    async with server.client() as http:
        async for viewer in watching(http, session):
            for what in ("snapshot", "recording"):
                check_problem(await http.post(path(session, what)), 507, "storage-failed")
            await viewer.until_more(10)
    server.stop()


async def test_a_recording_is_whole_when_its_session_ends(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    server = serve("--recordings", str(tmp_path), "--probe-compute-ms", "5")
    session = server.new_session()
    async with server.client() as http:
        assert (await http.post(path(session, "recording"))).status_code == 201
        async for viewer in watching(http, session):
            await viewer.until(30)
        await http.delete(f"/sessions/{session['id']}")
    server.stop()
    [log, video] = sorted(os.listdir(tmp_path), key=lambda name: name.endswith(".mp4"))
    lines = [json.loads(line) for line in (tmp_path / log).read_text().splitlines()]
    assert "end" in lines[-1]
    with av.open(str(tmp_path / video)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 20
