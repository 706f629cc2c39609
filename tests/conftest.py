"""Real servers for the tests of every folder.

Its place makes the helpers beside it importable from all of them (pytest's prepend mode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings
from serving import Served

# How long an example takes says how busy the machine is.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


Serve = Callable[..., Served]
"""Starts a server of the probe world, or of others, with these flags."""


@contextmanager
def serving(folders: pytest.TempPathFactory) -> Iterator[Serve]:
    """All that were started are stopped at the end."""
    servers: list[Served] = []

    def start(*args: str, worlds: str = "probe") -> Served:
        server = Served(*args, log=folders.mktemp("server") / "log.txt", worlds=worlds)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Servers of one module: even an idle one takes its share of the processor and memory."""
    with serving(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def serve_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The few servers that modules share."""
    with serving(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def probe_server(serve_all: Serve) -> Served:
    """A server of the probe world that tests share; it has room for one session."""
    return serve_all("--probe-compute-ms", "5", "--max-sessions", "1", "--grace-s", "1")
