"""Making and ending sessions over HTTP, and what the server says of itself."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from lightcone.bench.errors import BenchError

TIMEOUT_S = 60.0  # a world's model may have to be opened first


class NoRoom(BenchError):
    """One more session does not fit: it would have to queue."""


@dataclass(frozen=True)
class SessionEntry:
    """A session at the server; `whep` and `control` are whole URLs."""

    id: str
    world: str
    whep: str
    control: str


class Api:
    """A server's HTTP interface."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def new(self, world: str | None, seed: int) -> SessionEntry:
        """Raises NoRoom, and BenchError where the server has none."""
        asked = {"seed": seed} if world is None else {"world": world, "seed": seed}
        answer = await self._ask("POST", "/sessions", json=asked)
        body = answer.json()
        if answer.status_code == 202:
            await self._ask("DELETE", f"/queue/{body['ticket']}")
            raise NoRoom(f"no room for one more session at {self.url}: {body['reason']}")
        return self._entry(answer, "no session to measure")

    async def fork(self, session: str) -> SessionEntry:
        answer = await self._ask("POST", f"/sessions/{session}/fork", json={})
        return self._entry(answer, "no fork to measure")

    async def end(self, session: str) -> None:
        with contextlib.suppress(BenchError):  # a server that is gone has none
            await self._ask("DELETE", f"/sessions/{session}")

    async def health(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self._ask("GET", "/healthz")).json()
        return body

    async def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise BenchError(f"no server at {self.url}: {error}") from error

    def _entry(self, answer: httpx.Response, problem: str) -> SessionEntry:
        body = answer.json()
        if answer.status_code != 201:
            why = body.get("reason") or body.get("detail") or f"HTTP {answer.status_code}"
            raise BenchError(f"{problem} at {self.url}: {why}")
        ws = "ws" + self.url.removeprefix("http")
        return SessionEntry(
            body["id"], body["world"], self.url + body["whep"], ws + body["control"]
        )


@contextlib.asynccontextmanager
async def api(url: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(
        base_url=url, timeout=TIMEOUT_S, verify=url.startswith("https:")
    ) as client:
        yield Api(url, client)


@contextlib.asynccontextmanager
async def new_session(url: str, world: str | None, seed: int) -> AsyncIterator[SessionEntry]:
    """A session of its own, ended at the end. Raises BenchError."""
    async with api(url) as server:
        entry = await server.new(world, seed)
        try:
            yield entry
        finally:
            await server.end(entry.id)
