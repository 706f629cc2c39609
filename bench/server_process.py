"""The server that is measured: one of its own, or one that runs already."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lightcone.bench.errors import BenchError
from lightcone.bench.procfs import child_running

STARTED = " at http://"
WORKER = "lightcone.server.worker.process"
STOP_S = 15


@dataclass(frozen=True)
class Target:
    """Where the server is; its processes where it is a child of this one."""

    url: str
    pid: int | None = None

    @property
    def worker_pid(self) -> int | None:
        """The process that the model runs in."""
        return None if self.pid is None else child_running(self.pid, WORKER)


@contextlib.contextmanager
def target(
    url: str | None, world: str, flags: Sequence[str] = (), within: Sequence[str] = ()
) -> Iterator[Target]:
    """The server at `url`, else one started with these flags of `lightcone serve`, by `within`, a
    command that runs another one, and stopped at the end. Its log goes to stderr. Raises BenchError
    where it does not come up."""
    if url is not None:
        yield Target(url.rstrip("/"))
        return
    with _started(world, flags, within) as process:
        yield Target(_address(process), process.pid)


@contextlib.contextmanager
def _started(
    world: str, flags: Sequence[str], within: Sequence[str]
) -> Iterator[subprocess.Popen[str]]:
    program = [
        *within,
        sys.executable,
        "-c",
        "from lightcone.server.cli.main import main; main()",
        "serve",
    ]
    given = ["--worlds", world, "--port", "0", "--log-level", "warning", *flags]
    process = subprocess.Popen([*program, *given], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    """From the line that the server prints once it serves."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if STARTED not in line:
        raise BenchError("the server did not start; its reason is above")
    return "http://" + line.rpartition(STARTED)[2].strip()
