"""Real servers for every room's tests.

Its place makes the helpers beside it importable from every room (pytest's prepend mode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from serving import ServedWorld


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServedWorld]]:
    """Starts a server of the probe world, or of others, with these flags; all are stopped at the
    end."""
    servers: list[ServedWorld] = []

    def start(*args: str, worlds: str = "probe") -> ServedWorld:
        log = tmp_path_factory.mktemp("server") / "log.txt"
        server = ServedWorld(*args, log=log, worlds=worlds)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def probe_server(serve: Callable[..., ServedWorld]) -> ServedWorld:
    """A server of the probe world that tests share; it has room for one world."""
    return serve("--probe-compute-ms", "5")
