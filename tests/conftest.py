"""Real servers for the tests of every folder.

Its place makes the helpers beside it importable from all of them (pytest's prepend mode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from serving import Served

# How long an example takes says how busy the machine is.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Starts a server of the probe world, or of others, with these flags; all are stopped at the
    end."""
    servers: list[Served] = []

    def start(*args: str, worlds: str = "probe") -> Served:
        log = tmp_path_factory.mktemp("server") / "log.txt"
        server = Served(*args, log=log, worlds=worlds)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def probe_server(serve: Callable[..., Served]) -> Served:
    """A server of the probe world that tests share; it has room for one session."""
    return serve("--probe-compute-ms", "5", "--max-sessions", "1", "--grace-s", "1")
