"""Errors of the HTTP interface that the probe world never has."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from lightcone.model.families.probe.model import PROBE
from lightcone.model.interface import PromptError
from lightcone.server.cli.settings import Settings
from lightcone.server.http.app import create_app
from lightcone.server.sessions.sessions import (
    Asked,
    Busy,
)
from lightcone.server.worker.host import EngineLost


class RefusingWorlds:
    """Where every new world is refused with this error."""

    infos = {"probe": PROBE}  # noqa: RUF012
    engine = None

    def __init__(self, error: Exception) -> None:
        self.settings = Settings(client_dir=Path("/none"))
        self._error = error

    def __iter__(self) -> Any:
        return iter(())

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def create(self, asked: Asked) -> Any:
        raise self._error


async def refused(error: Exception) -> httpx.Response:
    app = create_app(RefusingWorlds(error))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(base_url="http://here", transport=transport) as client:
        answer = await client.post("/worlds", json={"prompt": "moon"})
        assert answer.headers["content-type"] == "application/problem+json"
        return answer


async def test_unknown_words_are_named() -> None:
    answer = await refused(PromptError(["moon"], ["day", "night"]))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "unknown-words")
    assert (body["words"], body["known"]) == (["moon"], ["day", "night"])


@pytest.mark.parametrize(
    ("error", "code"), [(EngineLost("gone"), "engine-unavailable"), (Busy("later"), "busy")]
)
async def test_what_may_work_later(error: Exception, code: str) -> None:
    answer = await refused(error)
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0


async def test_a_defect_is_a_problem_too() -> None:
    answer = await refused(ZeroDivisionError("secret"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret" not in answer.text


async def test_health_without_an_engine() -> None:
    app = create_app(RefusingWorlds(Busy("")))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(base_url="http://here", transport=transport) as client:
        health = await client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
