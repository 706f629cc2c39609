"""Networks of our own on this machine: namespaces, each behind a line of a bitrate. Linux, root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightcone.bench.errors import BenchError

BURST = "8kb"  # of the token bucket: some packets
WAITS = "200ms"  # for how long packets may wait for the line before they are dropped


@dataclass(frozen=True)
class Network:
    """`hub` has a line to each of `ends`; addresses are `(hub's, the end's)`."""

    hub: str
    ends: tuple[str, ...]
    addresses: tuple[tuple[str, str], ...]


def within(namespace: str) -> list[str]:
    """The command that runs another one there."""
    return ["ip", "netns", "exec", namespace]


@contextlib.contextmanager
def star(name: str, lines: Sequence[str], outside: bool = False) -> Iterator[Network]:
    """A hub with a line of each of these bitrates (as tc writes them, "" for no limit), from it
    outwards; `name` has three characters at most. With `outside` the last end is this machine
    itself. Raises BenchError."""
    check()
    hub = f"{name}-hub"
    ends = tuple(f"{name}-{i}" for i in range(len(lines) - outside))
    addresses = tuple((f"10.77.{i}.1", f"10.77.{i}.2") for i in range(len(lines)))
    made: list[str] = []
    try:
        for namespace in (hub, *ends):
            if Path("/run/netns", namespace).exists():  # a run that was killed left it
                _run("ip", "netns", "del", namespace)
            _run("ip", "netns", "add", namespace)
            made.append(namespace)
            _run("ip", "-n", namespace, "link", "set", "lo", "up")
        for i, (line, (ours, theirs)) in enumerate(zip(lines, addresses, strict=True)):
            end = ends[i] if i < len(ends) else None
            link(f"{name}h{i}", hub, ours, f"{name}e{i}", end, theirs)
            if line:
                bucket = ("rate", line, "burst", BURST, "latency", WAITS)
                _run("tc", "-n", hub, "qdisc", "add", "dev", f"{name}h{i}", "root", "tbf", *bucket)
        yield Network(hub, ends, addresses)
    finally:
        for namespace in made:
            _run("ip", "netns", "del", namespace)  # and its links


def link(
    near: str, near_in: str, near_address: str, far: str, far_in: str | None, far_address: str
) -> None:
    """Two interfaces, one in each of two namespaces (None: this machine's own), whose addresses
    share their first 24 bits. Raises BenchError."""
    end = () if far_in is None else ("-n", far_in)
    there = str(os.getpid()) if far_in is None else far_in
    peer = ("type", "veth", "peer", "name", far, "netns", there)
    _run("ip", "-n", near_in, "link", "add", near, *peer)
    for place, interface, address in (
        (("-n", near_in), near, near_address),
        (end, far, far_address),
    ):
        _run("ip", *place, "address", "add", f"{address}/24", "dev", interface)
        _run("ip", *place, "link", "set", interface, "up")


def check() -> None:
    """Raises BenchError where namespaces can not be made."""
    if os.geteuid() != 0:
        raise BenchError("this makes network namespaces, for which it has to be root")
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            raise BenchError(f"there is no '{program}' (apt-get install iproute2)")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip()}")
