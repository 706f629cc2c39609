"""Whose pages may use a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from probe_viewer import ControlClient
from serving import Served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lightcone.server.control.protocol import (
    VERSION,
    Hello,
    Welcome,
)
from lightcone.server.http.origins import may_connect

FRIEND, STRANGER = "https://friend.example", "https://stranger.example"


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "may"),
    [
        (None, "here:8080", [], True),
        ("http://here:8080", "here:8080", [], True),
        ("https://here", "here", [], True),
        ("http://here:8081", "here:8080", [], False),
        ("null", "here:8080", [], False),
        (STRANGER, None, [], False),
        (STRANGER, "here:8080", [FRIEND], False),
        (FRIEND, "here:8080", [FRIEND], True),
        (STRANGER, "here:8080", ["*"], True),
    ],
)
def test_handshakes(origin: str | None, host: str | None, allowed: list[str], may: bool) -> None:
    assert may_connect(origin, host, allowed) is may


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
