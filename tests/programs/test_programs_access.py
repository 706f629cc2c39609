"""The client at a server that wants a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from serving import Served

from lightcone.client import Client, Problem
from lightcone.server.access.links import link_to
from lightcone.server.access.tokens import Tokens

KEY = "a key for the tests of programs"


@pytest.fixture(scope="module")
def keyed(serve: Callable[..., Served]) -> Served:
    return serve("--probe-compute-ms", "5", "--key", KEY)


async def test_a_token_and_a_link_let_it_in(keyed: Served) -> None:
    tokens = Tokens(KEY)
    token = tokens.mint("drive", 600).token
    link = link_to(keyed.url, tokens.mint("drive", 600, use="link").token, None)
    for client in (Client(keyed.url, token=token), Client(link)):
        async with client, await client.start() as session:
            receipt = await session.input([])
            frame = await session.frame(at=receipt.media_time)
            assert frame.picture.ndim == 3


async def test_without_one_it_is_refused_by_name(keyed: Served) -> None:
    async with Client(keyed.url) as client:
        with pytest.raises(Problem, match="wants a token") as refused:
            await client.start()
    assert refused.value.status == 401
