"""Bodies of requests: refused by what their head says, bounded in size, time and number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.requests import Request
from virtual_time import run_virtual

from lightcone.server.http.problems import Problem
from lightcone.server.http.reading import BODY_TIMEOUT_S, MAX_BODY_BYTES, Places, read_body

KIND = "application/x"
LARGE = MAX_BODY_BYTES + 1


class Sent:
    """A request whose body comes part by part, each after a while."""

    def __init__(
        self, parts: Iterable[bytes], every_s: float = 0.0, kind: str = KIND, length: str = ""
    ) -> None:
        self.parts = list(parts)
        self.every_s = every_s
        self.headers = {"content-type": kind} | ({"content-length": length} if length else {})

    @property
    def request(self) -> Request:
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return Request({"type": "http", "headers": headers}, self._receive)

    async def _receive(self) -> dict[str, Any]:
        await asyncio.sleep(self.every_s)
        part = self.parts.pop(0) if self.parts else b""
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}


async def refusal(sent: Sent, **bounds: Any) -> str:
    with pytest.raises(Problem) as refused:
        await read_body(sent.request, KIND, **bounds)
    code: str = refused.value.code
    return code


def test_a_body_that_comes_slowly_is_given_up() -> None:
    async def scenario() -> None:
        sent = Sent([b"x"] * 100, every_s=1.0)
        began = asyncio.get_running_loop().time()
        assert await refusal(sent) == "timeout"
        assert asyncio.get_running_loop().time() - began == BODY_TIMEOUT_S

    run_virtual(scenario())


async def test_what_its_head_says_is_refused_before_it_is_read() -> None:
    for sent, code in (
        (Sent([b"x"] * 9, length=str(LARGE)), "too-large"),
        (Sent([b"x"] * 9, length="9", kind="text/html"), "unsupported-media-type"),
    ):
        assert await refusal(sent) == code
        assert len(sent.parts) == 9


async def test_a_client_that_leaves_in_the_middle_is_no_defect() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(Problem) as refused:
        await read_body(Request({"type": "http", "headers": []}, receive), KIND)
    assert refused.value.code == "incomplete-body"


async def test_a_body_that_is_larger_than_it_says_is_cut_off() -> None:
    sent = Sent([bytes(1024)] * 100)
    assert await refusal(sent) == "too-large"
    assert len(sent.parts) == 100 - 65


def test_large_bodies_that_come_slowly_keep_only_large_ones_out() -> None:
    async def scenario() -> None:
        large = Places(2, "bodies")
        bounds: dict[str, Any] = {"most": 2**20, "large": large}
        slow = [
            asyncio.create_task(refusal(Sent([bytes(LARGE), b""], 15.0), **bounds)) for _ in "ab"
        ]
        await asyncio.sleep(16)
        assert await refusal(Sent([b""], length=str(LARGE)), **bounds) == "busy"
        assert await refusal(Sent([bytes(LARGE)]), **bounds) == "busy"
        small = bytes(MAX_BODY_BYTES)
        assert await read_body(Sent([small]).request, KIND, **bounds) == small
        assert await asyncio.gather(*slow) == ["timeout", "timeout"]
        body = bytes(LARGE)
        for _ in range(3):
            assert await read_body(Sent([body]).request, KIND, **bounds) == body

    run_virtual(scenario())
