"""Making and ending a world over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from lightcone.bench.errors import BenchError

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class WorldEntry:
    """A world at the server; `whep` and `control` are whole URLs."""

    id: str
    whep: str
    control: str


@contextlib.asynccontextmanager
async def new_world(url: str, world: str | None, seed: int) -> AsyncIterator[WorldEntry]:
    """A world of its own, deleted at the end. Raises BenchError where the server has none."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S) as client:
        asked = {"seed": seed} if world is None else {"world": world, "seed": seed}
        try:
            made = await client.post("/worlds", json=asked)
        except httpx.HTTPError as error:
            raise BenchError(f"no server at {url}: {error}") from error
        body = made.json()
        if made.status_code != 201:
            why = body.get("reason") or body.get("detail") or f"HTTP {made.status_code}"
            raise BenchError(f"no world to measure at {url}: {why}")
        ws = "ws" + url.removeprefix("http")
        try:
            yield WorldEntry(body["id"], url + body["whep"], ws + body["control"])
        finally:
            with contextlib.suppress(httpx.HTTPError):  # a server that is gone has none
                await client.delete(f"/worlds/{body['id']}")
