"""Every route and every error of the HTTP interface, on a real server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from probe_viewer import ProbeViewer
from serving import Served
from some_pictures import picture

from lightcone.server.http.page import page
from lightcone.server.http.reading import MAX_ERRORS
from lightcone.server.sessions.sessions import MAX_WAITING

JSON = {"content-type": "application/json"}
SDP = {"content-type": "application/sdp"}


@pytest.fixture(scope="module")
def sparse_server(serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Without a page."""
    empty = str(tmp_path_factory.mktemp("page"))
    return serve("--client-dir", empty)


@pytest.fixture(scope="module")
def pair_server(serve: Callable[..., Served]) -> Served:
    """With two worlds to choose from, and room for both."""
    return serve("--probe-compute-ms", "5", worlds="probe,probe-wide")


@pytest.fixture
def session(probe_server: Served) -> dict[str, Any]:
    return probe_server.new_session(seed=7)


@pytest.fixture
async def http(probe_server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with probe_server.client() as client:
        yield client


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:lightcone:problem:{code}"
    assert body["title"]
    assert body["detail"]
    return body


async def test_health(http: httpx.AsyncClient) -> None:
    body = (await http.get("/healthz")).json()
    assert (body["status"], body["serves"]) == ("ok", ["probe"])
    assert body["chunk_ms"] > 0
    assert [worker["pid"] > 0 for worker in body["workers"]] == [True]
    assert (body["queue"], body["loop_lag_ms"]["p99"] >= 0) == (0, True)


async def test_the_interface_describes_itself(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    paths = described["paths"]
    assert {
        "/healthz",
        "/readyz",
        "/metrics",
        "/status.json",
        "/catalogue",
        "/sessions",
        "/sessions/{session_id}",
        "/sessions/{session_id}/whep",
        "/sessions/{session_id}/whep/{viewer_id}",
        "/sessions/{session_id}/rewind",
        "/sessions/{session_id}/fork",
        "/sessions/{session_id}/snapshot",
        "/sessions/{session_id}/log",
        "/sessions/{session_id}/recording",
        "/queue/{ticket}",
        "/snapshots",
        "/snapshots/{snapshot_id}",
        "/recordings/{name}",
    } <= set(paths)
    assert {"200", "404"} <= set(paths["/snapshots/{snapshot_id}"]["get"]["responses"])
    assert {"201", "202", "503"} <= set(paths["/sessions"]["post"]["responses"])
    assert {"201", "202", "404"} <= set(paths["/queue/{ticket}"]["get"]["responses"])
    for path in paths.values():
        for operation in path.values():
            answers = operation["responses"]
            assert list(answers["default"]["content"]) == ["application/problem+json"]
            for status in {"404", "422"} & set(answers):
                assert list(answers[status]["content"]) == ["application/problem+json"]


async def test_a_session_is_made_shown_listed_and_ended(
    probe_server: Served, http: httpx.AsyncClient
) -> None:
    probe_server.new_session(world=None, seed=None, prompt=None)
    made = probe_server.new_session(world="probe", seed=7, prompt="")
    assert made["created"] is True
    assert (made["world"], made["seed"], made["phase"]) == ("probe", 7, "starting")
    assert made["whep"] == f"/sessions/{made['id']}/whep"
    assert made["control"] == f"/sessions/{made['id']}/control"
    shown = (await http.get(f"/sessions/{made['id']}")).json()
    assert {**shown, "created": True} == made
    assert (await http.get("/sessions")).json() == [shown]
    assert (await http.delete(f"/sessions/{made['id']}")).status_code == 204
    check_problem(await http.delete(f"/sessions/{made['id']}"), 410, "session-over")
    assert (await http.get(f"/sessions/{made['id']}")).json()["phase"] == "ended"
    assert (await http.get("/sessions")).json() == []


async def test_the_catalogue_describes_what_there_is(pair_server: Served) -> None:
    async with pair_server.client() as client:
        probe, wide = (await client.get("/catalogue")).json()
    assert (probe["name"], wide["name"]) == ("probe", "probe-wide")
    assert (wide["title"], wide["width"], wide["height"]) == ("Wide probe", 160, 96)
    assert probe["words"] == ["red", "green", "blue"]
    assert (probe["fps"], probe["sample_rate"], probe["chunk_frames"]) == (24, 24_000, [2])
    assert (probe["prompt"], probe["prompt_length"], probe["image"]) == ("grammar", 500, "optional")
    assert [control["name"] for control in probe["controls"]][:2] == ["left", "right"]
    [turn] = probe["axes"]
    assert (turn["name"], turn["low"], turn["high"], turn["mouse"]) == ("turn", -3, 3, "x")
    assert turn["gamepad"] == {"kind": "axis", "index": 2, "direction": 1}


async def test_several_worlds_of_one_server_run_side_by_side(pair_server: Served) -> None:
    pair_server.new_session(world="probe")
    async with pair_server.client() as client:
        made = await client.post("/sessions", json={"world": "probe-wide", "prompt": "blue"})
        assert (made.status_code, made.json()["world"]) == (201, "probe-wide")
        for session in (await client.get("/sessions")).json():
            viewer = ProbeViewer()
            await viewer.join(client, session["whep"])
            await viewer.until(4)
            ground = viewer.grounds[viewer.seen[-1][0]]
            assert ground == ("blue" if session["world"] == "probe-wide" else "")
            await viewer.close()


async def test_unknown_words_are_named(probe_server: Served, http: httpx.AsyncClient) -> None:
    await http.delete(f"/sessions/{probe_server.new_session()['id']}")
    answer = await http.post("/sessions", json={"prompt": "red moon"})
    body = check_problem(answer, 422, "unknown-words")
    assert (body["words"], body["known"]) == (["moon"], ["red", "green", "blue"])


async def test_a_session_starts_from_a_picture(probe_server: Served) -> None:
    image = "data:image/png;base64," + base64.b64encode(picture((20, 200, 20))).decode()
    session = probe_server.new_session(image=image)
    async with probe_server.client() as client:
        viewer = ProbeViewer()
        await viewer.join(client, session["whep"])
        await viewer.until(4)
        assert viewer.grounds[viewer.seen[-1][0]] == "green"
        await viewer.close()


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "malformed-json"),
        (b"\xff", JSON, 400, "malformed-json"),
        (b"[" * 50_000, JSON, 400, "malformed-json"),
        (b"[]", JSON, 422, "invalid-request"),
        (b'{"seed": "7"}', JSON, 422, "invalid-request"),
        (b'{"seed": -1}', JSON, 422, "invalid-request"),
        (b'{"seed": 1.5}', JSON, 422, "invalid-request"),
        (b'{"seed": true}', JSON, 422, "invalid-request"),
        (b'{"prompt": 3}', JSON, 422, "invalid-request"),
        (b'{"prompt": "%s"}' % (b"x" * 2001), JSON, 422, "invalid-request"),
        (b'{"prompt": "%s"}' % (b"x" * 501), JSON, 422, "unknown-words"),
        (b'{"sede": 7}', JSON, 422, "invalid-request"),
        (b'{"world": "atlantis"}', JSON, 404, "unknown-world"),
        (b'{"world": "court"}', JSON, 404, "unknown-world"),
        (b'{"snapshot": "none"}', JSON, 404, "unknown-snapshot"),
        (b'{"seed": 7}', {}, 415, "unsupported-media-type"),
        (b"seed=7", {"content-type": "text/plain"}, 415, "unsupported-media-type"),
        (b'{"image": 3}', JSON, 422, "invalid-request"),
        (b'{"image": ""}', JSON, 422, "bad-image"),
        (b'{"image": "data:image/png;base64,%%"}', JSON, 422, "bad-image"),
        (b'{"image": "data:text/plain,hello"}', JSON, 422, "bad-image"),
        (b'{"image": "R0lGODlhAQABAIAAAP"}', JSON, 422, "bad-image"),
        (b" " * (2**22 + 1), JSON, 413, "too-large"),
        (b"[" + b"0," * 2_000_000 + b"0]", JSON, 422, "invalid-request"),
    ],
)
async def test_what_is_no_request_for_a_session(
    http: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    check_problem(await http.post("/sessions", content=body, headers=headers), status, code)


async def test_of_many_errors_some_are_listed(http: httpx.AsyncClient) -> None:
    answer = await http.post("/sessions", json={str(i): 0 for i in range(900)})
    body = check_problem(answer, 422, "invalid-request")
    assert len(body["errors"]) == MAX_ERRORS
    assert body["errors"][0]["field"] == "0"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", SDP, 400, "bad-offer"),
        (b"\xff\xfe", SDP, 400, "bad-offer"),
        (b"not an sdp", SDP, 400, "bad-offer"),
        (b"v=0\r\n", SDP, 400, "bad-offer"),
        (b"v=0\r\n", JSON, 415, "unsupported-media-type"),
        (b"v=0\r\n", {}, 415, "unsupported-media-type"),
        (b"v=0\r\n" + b"a=x\r\n" * 20_000, SDP, 413, "too-large"),
    ],
)
async def test_what_is_no_offer(
    http: httpx.AsyncClient,
    session: dict[str, Any],
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    check_problem(await http.post(session["whep"], content=body, headers=headers), status, code)


async def test_an_offer_without_a_codec_sent_here(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    viewer = ProbeViewer()
    sdp = (await viewer.offer()).replace("VP8/", "AV9/").replace("H264/", "AV9/")
    check_problem(
        await http.post(session["whep"], content=sdp, headers=SDP), 406, "no-common-codec"
    )
    await viewer.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/assets/none.js", 404, "not-found"),
        ("GET", "/..%2f..%2fetc/passwd", 404, "not-found"),
        ("GET", "/sessions/none", 404, "unknown-session"),
        ("DELETE", "/sessions/none", 404, "unknown-session"),
        ("DELETE", "/sessions/none/whep/x", 404, "unknown-session"),
        ("POST", "/sessions/none/whep", 404, "unknown-session"),
        ("POST", "/sessions/none/rewind", 404, "unknown-session"),
        ("POST", "/sessions/none/fork", 404, "unknown-session"),
        ("POST", "/sessions/none/snapshot", 404, "unknown-session"),
        ("POST", "/sessions/none/recording", 404, "unknown-session"),
        ("GET", "/sessions/none/log", 404, "unknown-session"),
        ("GET", "/snapshots/none", 404, "unknown-snapshot"),
        ("DELETE", "/snapshots/none", 404, "unknown-snapshot"),
        ("GET", "/queue/none", 404, "unknown-ticket"),
        ("DELETE", "/queue/none", 404, "unknown-ticket"),
        ("GET", "/recordings/none.mp4", 404, "unknown-recording"),
        ("GET", "/recordings/..%2f..%2fetc%2fpasswd", 404, "not-found"),
        ("PUT", "/sessions", 405, "method-not-allowed"),
        ("POST", "/sessions/none", 405, "method-not-allowed"),
        ("GET", "/sessions/none/whep", 405, "method-not-allowed"),
        ("PATCH", "/sessions/none/whep/x", 405, "method-not-allowed"),
        ("PUT", "/", 405, "method-not-allowed"),
    ],
)
async def test_what_is_not_there(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await http.request(method, path)
    check_problem(answer, status, code)
    if status == 405:
        assert answer.headers["allow"]


async def test_what_may_be_posted_to_watch(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    answer = await http.options(session["whep"])
    assert (answer.status_code, answer.headers["accept-post"]) == (204, "application/sdp")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD"),
        ("/sessions", "GET, POST"),
        ("/sessions/none", "DELETE, GET"),
        ("/sessions/none/whep", "OPTIONS, POST"),
        ("/sessions/none/whep/x", "DELETE"),
    ],
)
async def test_the_answer_to_a_wrong_method_names_all_right_ones(
    http: httpx.AsyncClient, path: str, allowed: str
) -> None:
    assert (await http.put(path)).headers["allow"] == allowed


async def test_an_unknown_viewer_of_a_session(
    http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    check_problem(await http.delete(session["whep"] + "/x"), 404, "unknown-viewer")


async def test_a_flood_of_posts_makes_one_session_and_is_answered(
    probe_server: Served,
) -> None:
    probe_server.new_session()
    async with probe_server.client() as client:
        answers = await asyncio.gather(*(client.post("/sessions") for _ in range(100)))
        assert {answer.status_code for answer in answers} <= {202, 503}
        assert len((await client.get("/sessions")).json()) == 1
        assert (await client.get("/healthz")).json()["status"] == "ok"
        for answer in answers:
            if answer.status_code == 202:
                await client.delete(answer.headers["location"])


async def test_a_flood_of_pictures_is_refused_unread(probe_server: Served) -> None:
    probe_server.new_session()
    image = base64.b64encode(picture((20, 20, 200), 3000, 2000)).decode()
    async with probe_server.client() as client:
        posts = [client.post("/sessions", json={"image": image}) for _ in range(4 * MAX_WAITING)]
        answers = await asyncio.gather(*posts)
        for answer in answers:
            if answer.status_code == 202:
                await client.delete(answer.headers["location"])
    assert {answer.status_code for answer in answers} == {202, 503}


async def test_a_flood_of_offers_is_refused(sparse_server: Served) -> None:
    session = sparse_server.new_session()
    async with sparse_server.client() as client:
        bad = [client.post(session["whep"], content="x", headers=SDP) for _ in range(150)]
        codes = {answer.json()["code"] for answer in await asyncio.gather(*bad)}
    assert codes == {"bad-offer", "busy"}


async def test_a_page_that_is_not_built_says_so(sparse_server: Served) -> None:
    async with sparse_server.client() as client:
        page = await client.get("/")
        assert page.status_code == 404
        assert "make client" in page.text


async def test_the_page_is_served(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>hello")
    (tmp_path / "assets" / "main-1a2b.js").write_text("1")
    transport = httpx.ASGITransport(page(tmp_path))
    async with httpx.AsyncClient(base_url="http://page", transport=transport) as client:
        index = await client.get("/")
        assert (index.status_code, index.text) == (200, "<!doctype html>hello")
        assert index.headers["cache-control"] == "no-cache"
        script = await client.get("/assets/main-1a2b.js")
        assert "immutable" in script.headers["cache-control"]
