"""Real `lightcone serve` processes for tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

LIGHTCONE = str(Path(sys.executable).with_name("lightcone"))
STARTED = " at http://"
PATIENCE_S = 60  # a busy machine; nothing here is about time


class Served:
    """A server that is up. `url` is its address, `log` the file that its log goes to, `data` the
    folder of its snapshots and recordings."""

    process: subprocess.Popen[str]
    url: str

    def __init__(self, *args: str, log: Path, worlds: str = "probe") -> None:
        self.log = log
        self.data = log.with_name("data")
        self._worlds = worlds
        self._args = args
        self._port = "0"
        self.start()

    def start(self) -> None:
        """Once more after `stop`, it has the port that it had before."""
        command = [LIGHTCONE, "serve", "--worlds", self._worlds, "--port", self._port]
        command += ["--data-dir", str(self.data), *self._args]
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert STARTED in line, f"the server did not start: {self.log.read_text()}"
        self.url = "http://" + line.rpartition(STARTED)[2].strip()
        self._port = self.url.rpartition(":")[2]

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    def client(self) -> httpx.AsyncClient:
        """For HTTP; certificates, slow to load, are of no use here."""
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, verify=False)

    def blocking_client(self) -> httpx.Client:
        """The same for tests that are not asynchronous."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, verify=False)

    def new_session(self, **body: Any) -> dict[str, Any]:
        """POST /sessions once whatever lived there before is gone."""
        self.end_sessions()
        with self.blocking_client() as client:
            made = client.post("/sessions", json=body)
            assert made.status_code == 201, made.text
            session: dict[str, Any] = made.json()
            return session

    def end_sessions(self) -> None:
        with self.blocking_client() as client:
            for session in client.get("/sessions").json():
                client.delete(f"/sessions/{session['id']}")

    def hang(self) -> None:
        """Connections stay open and nothing answers, until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
