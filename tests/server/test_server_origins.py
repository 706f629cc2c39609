"""Which pages and host names may use a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from probe_viewer import ControlClient
from serving import Served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lightcone.server.control.protocol import VERSION, Hello, Welcome

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest.fixture(scope="module")
def picky_server(serve: Callable[..., Served]) -> Served:
    return serve("--probe-compute-ms", "5", "--origins", f"https://else.example, {FRIEND}")


@pytest.fixture
def session(picky_server: Served) -> dict[str, Any]:
    return picky_server.new_session()


async def test_a_page_that_is_not_allowed_gets_no_websocket(
    picky_server: Served, session: dict[str, Any]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(picky_server.ws + session["control"], additional_headers={"Origin": STRANGER})
    assert refused.value.response.status_code == 403
    assert b"forbidden-origin" in refused.value.response.body


async def test_its_own_page_and_allowed_ones_do(
    picky_server: Served, session: dict[str, Any]
) -> None:
    for origin in (picky_server.url, FRIEND):
        url = picky_server.ws + session["control"]
        client = ControlClient(await connect(url, additional_headers={"Origin": origin}))
        await client.send(Hello(version=VERSION))
        await client.receive(Welcome)
        await client.close()


async def test_answers_say_who_may_read_them(picky_server: Served) -> None:
    async with picky_server.client() as client:
        for origin, allowed in ((FRIEND, FRIEND), (STRANGER, None)):
            answer = await client.get("/sessions", headers={"origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed


async def test_a_player_on_another_page_may_watch(
    picky_server: Served, session: dict[str, Any]
) -> None:
    elsewhere = {"origin": FRIEND}
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, authorization",
    }
    sdp = {"content-type": "application/sdp"}
    async with picky_server.client() as client:
        preflight = await client.options(session["whep"], headers={**elsewhere, **asked})
        assert preflight.status_code == 200
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        refused = await client.post(session["whep"], content="x", headers={**elsewhere, **sdp})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad-offer")
        for answer in (preflight, refused):
            assert answer.headers["access-control-allow-origin"] == FRIEND
        assert "Location" in refused.headers["access-control-expose-headers"]
        stranger = {"origin": STRANGER, **asked}
        assert (await client.options(session["whep"], headers=stranger)).status_code == 400


async def test_a_page_that_is_not_allowed_changes_nothing(
    picky_server: Served, session: dict[str, Any]
) -> None:
    path = f"/sessions/{session['id']}"
    async with picky_server.client() as client:
        for headers in ({"origin": STRANGER}, {"sec-fetch-site": "cross-site"}):
            for method, where in (
                ("DELETE", path),
                ("POST", "/sessions"),
                ("POST", f"{path}/whep"),
            ):
                answer = await client.request(method, where, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "forbidden-origin")
        assert (await client.get(path)).json()["phase"] != "ended"


async def test_a_name_that_was_rebound_gets_nothing(
    picky_server: Served, session: dict[str, Any]
) -> None:
    async with picky_server.client() as client:
        for path in ("/", "/sessions", "/healthz"):
            answer = await client.get(path, headers={"host": "rebound.example"})
            assert (answer.status_code, answer.json()["code"]) == (421, "wrong-host")
        assert (await client.get("/sessions", headers={"host": "localhost"})).is_success
    port = int(picky_server.url.rpartition(":")[2])
    url = f"ws://rebound.example:{port}{session['control']}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, host="127.0.0.1", port=port)
    assert refused.value.response.status_code == 421


async def test_answers_say_what_browsers_may_do_with_them(picky_server: Served) -> None:
    async with picky_server.client() as client:
        for path in ("/", "/catalogue", "/nothing"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "camera=()" in headers["permissions-policy"]
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
