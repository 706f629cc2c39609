"""A server of the probe's worlds with room for several sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from serving import Served

from lightcone.client import Client


@pytest.fixture(scope="session")
def probes(serve_all: Callable[..., Served]) -> Served:
    fixed = ("--probe-compute-ms", "2", "--min-rate", "1", "--grace-s", "5")
    return serve_all(
        *fixed, "--max-sessions", "4", "--overbook", "100", worlds="probe,probe-60,probe-long"
    )


@pytest.fixture
async def client(probes: Served) -> AsyncIterator[Client]:
    async with Client(probes.url) as client:
        yield client
