"""An emulated network from this machine to a browser."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from lightcone.bench.browser import chromium_on_path
from lightcone.bench.clients.chromium import Browser
from lightcone.bench.errors import BenchError
from lightcone.bench.link.devices import check
from lightcone.bench.link.emulator import Ends
from lightcone.bench.link.schedule import Conditions

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
STOP_S = 10


@dataclass
class Network:
    """`program` runs Chromium at the other end; `counts` are what became of the
    packets, known after the end."""

    ends: Ends
    program: str
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def server_flags(self) -> list[str]:
        """For `lightcone serve`: it can be reached through this network, and by nobody else."""
        return ["--host", self.ends.here, "--insecure"]

    def seen_from_there(self, url: str) -> str:
        """A server of this machine has another address there; it has to listen on all."""
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK and parts.hostname != self.ends.here:
            raise BenchError(f"only this machine is at the emulated network, not {parts.hostname}")
        port = f":{parts.port}" if parts.port else ""
        return parts._replace(netloc=self.ends.here + port).geturl()

    def browser(self, url: str) -> Browser:
        """For the page at `url`: without TLS, from elsewhere, it has no AudioWorklet by itself."""
        parts = urlsplit(url)
        secure = f"--unsafely-treat-insecure-origin-as-secure={parts.scheme}://{parts.netloc}"
        return Browser(self.program, (secure,))


@contextlib.contextmanager
def network(conditions: Conditions) -> Iterator[Network]:
    """Up until the end. Raises BenchError, also where this process may make none."""
    check()
    command = [sys.executable, "-m", "lightcone.bench.link.emulator"]
    with (
        TemporaryDirectory(prefix="lightcone-") as folder,
        subprocess.Popen(
            [*command, json.dumps(asdict(conditions))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise BenchError("the emulated network did not start; its reason is above")
            ends = Ends(**json.loads(line))
            found = Network(ends, _browser(Path(folder), ends.namespace))
            yield found
        finally:
            process.stdin.close()
            last = process.stdout.readline()
            process.wait(STOP_S)
        found.counts |= json.loads(last or "{}")


def _browser(folder: Path, namespace: str) -> str:
    """A program that runs Chromium in the namespace. nsenter keeps the open files, over which
    Playwright speaks with it."""
    program = folder / "chromium"
    command = f"exec nsenter --net=/run/netns/{namespace} '{_chromium()}' \"$@\""
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    return str(program)


def _chromium() -> str:
    path = chromium_on_path()
    if path is not None:
        return path
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path
