"""Errors of the HTTP interface that the probe world never has."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest

from lightcone.model.families.probe.variants import PROBE, PROBE_60, PROBE_IMAGE
from lightcone.model.interface import EnvironmentFailed, ImageError, PromptError, WeightsError
from lightcone.server.cli.settings import Settings
from lightcone.server.http.app import create_app
from lightcone.server.sessions.queue import QueueFull
from lightcone.server.sessions.remote_state import Restoring
from lightcone.server.sessions.sessions import Busy
from lightcone.server.sessions.wanted import Wanted
from lightcone.server.telemetry.meter import Meter
from lightcone.server.worker.errors import RequestFailed, WorkerLost


class RefusingSessions:
    """Where every new session is refused with this error."""

    infos = {info.name: info for info in (PROBE, PROBE_60, PROBE_IMAGE)}  # noqa: RUF012
    working = False
    chunk_ms = None
    workers = ()
    recoveries = ()
    queued = 0
    store = recordings = None

    def __init__(self, error: Exception) -> None:
        self.settings = Settings(client_dir=Path("/none"))
        self.access = self.settings.access
        self.meter = Meter(self.infos)
        self._error = error

    def why_not(self) -> str:
        return str(self._error)

    def __iter__(self) -> Any:
        return iter(())

    def waiting(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def create(self, wanted: Wanted) -> Any:
        raise self._error


def client(error: Exception) -> httpx.AsyncClient:
    app = create_app(RefusingSessions(error))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(base_url="http://localhost", transport=transport)


async def refused(error: Exception, **body: Any) -> httpx.Response:
    async with client(error) as http:
        answer = await http.post("/sessions", json=body)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer


async def test_unknown_words_are_named() -> None:
    answer = await refused(PromptError(["moon"], ["day", "night"]))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "unknown-words")
    assert (body["words"], body["known"]) == (["moon"], ["day", "night"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkerLost("gone"), "engine-unavailable"),
        (RequestFailed("RuntimeError: no"), "engine-unavailable"),
        (Restoring("wait"), "engine-unavailable"),
        (WeightsError("none for this world"), "engine-unavailable"),
        (EnvironmentFailed("it raised"), "environment-failed"),
        (Busy("later"), "busy"),
        (QueueFull("later"), "busy"),
    ],
)
async def test_what_may_work_later(error: Exception, code: str) -> None:
    answer = await refused(error)
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"world": "probe-60", "prompt": "red"}, "unknown-words"),
        ({"world": "probe-60", "image": "aGk="}, "no-image-taken"),
        ({"world": "probe-image"}, "image-required"),
        ({"world": "probe-image", "image": "aGk="}, "bad-image"),
    ],
)
async def test_what_a_world_does_not_take(body: dict[str, str], code: str) -> None:
    answer = await refused(AssertionError("not asked for"), **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_image_that_the_model_refuses() -> None:
    answer = await refused(ImageError("too dark"))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-image")


async def test_a_defect_is_a_problem_too() -> None:
    answer = await refused(ZeroDivisionError("secret"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret" not in answer.text


async def test_health_without_a_worker() -> None:
    async with client(Busy("")) as http:
        health = await http.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")


async def test_not_ready_is_answered_with_the_reason() -> None:
    async with client(Busy("nobody is at home")) as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reason": "nobody is at home"}
