"""A server process of its own for the page's tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path


class ServerProcess:
    """`lightcone serve` with the probe world, on a port that stays the same over restarts."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        lightcone = str(Path(sys.executable).with_name("lightcone"))
        command = [lightcone, "serve", "--world", "probe", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        # It says where it serves once it does; a server that does not start says nothing more.
        said = self._process.stdout.readline().decode()
        assert self.url in said, f"the server did not start: {said!r}"

    def kill(self) -> None:
        """As a crash does: no goodbyes."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Connections stay open and nothing answers, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
