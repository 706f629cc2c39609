"""The HTTP interface is as /openapi.json says, whatever is asked (schemathesis).

Its pytest plugin is not used, as it does not know this version of pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import Served

EXAMPLES = 12  # of each request
TIMEOUT_S = 60.0
# Words, pictures and ids that fit the schema need not be those of a world or a session.
NOT_HERE = [positive_data_acceptance]


@schemathesis.serializer("application/sdp")
def as_sdp(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Served:
    return serve("--probe-compute-ms", "2", "--max-sessions", "2")


@pytest.mark.timeout(600)
def test_answers_are_as_described(server: Served) -> None:
    described = schemathesis.openapi.from_url(server.url + "/openapi.json")
    failures: list[Exception] = []
    for found in described.get_all_operations():
        operation = found.ok()

        @bounded
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(timeout=TIMEOUT_S, excluded_checks=NOT_HERE)

        try:
            check()
        except (Exception, BaseExceptionGroup) as error:
            failures.append(AssertionError(f"{operation.label}: {error}"))
    if failures:
        raise ExceptionGroup("requests that are not answered as described", failures)
    with server.blocking_client() as client:
        assert client.get("/healthz").json()["status"] == "ok"
    assert "Traceback" not in server.log.read_text()
