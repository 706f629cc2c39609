"""What a server has at one moment: its processes by psutil, itself by `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from lightcone.bench.errors import BenchError
from lightcone.bench.server_process import WORKER

PICTURES = "lightcone.server.pictures.process"
PEOPLE = ("sessions", "viewers", "seats")
"""None of them are there while nobody is."""
OWN = (*PEOPLE, "queue_length", "tasks")
"""Gauges of the server by their names without `lightcone_`, summed over worlds."""

Counts = dict[str, float]
"""By name, such as `server memory_mb` or `sessions`."""


def processes(pid: int) -> dict[str, list[psutil.Process]]:
    """The server's and its children, by what they are. Raises BenchError where it is gone."""
    try:
        server = psutil.Process(pid)
        found: dict[str, list[psutil.Process]] = {"server": [server]}
        for child in server.children(recursive=True):
            found.setdefault(_kind(child), []).append(child)
    except psutil.NoSuchProcess as error:
        raise BenchError("the server has ended; its reason is above") from error
    return found


def of_processes(pid: int) -> Counts:
    """Memory in MB (10**6 bytes, resident), threads, open files and UDP sockets of each kind of
    process together, and how many processes there are."""
    counts: Counts = {}
    for kind, members in processes(pid).items():
        counts[f"{kind} memory_mb"] = sum(each.memory_info().rss for each in members) / 1e6
        counts[f"{kind} threads"] = sum(each.num_threads() for each in members)
        counts[f"{kind} open_files"] = sum(each.num_fds() for each in members)
        counts[f"{kind} udp_sockets"] = sum(len(each.net_connections("udp")) for each in members)
        counts[f"{kind} processes"] = len(members)
    return counts


def of_metrics(text: str) -> Counts:
    """From what `/metrics` answers."""
    counts: Counts = dict.fromkeys(OWN, 0.0)
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix("lightcone_")
        if name in counts:
            counts[name] += sum(sample.value for sample in family.samples)
    return counts


async def own(client: httpx.AsyncClient) -> Counts:
    """Raises BenchError where the server does not answer."""
    try:
        answer = await client.get("/metrics")
    except httpx.HTTPError as error:
        raise BenchError(f"the server does not answer: {error!r}") from error
    return of_metrics(answer.text)


def at_rest(counts: Counts) -> bool:
    """Nobody is there any more."""
    return not any(counts[name] for name in PEOPLE)


def names(kept: Iterable[Counts]) -> list[str]:
    return list(dict.fromkeys(name for counts in kept for name in counts))


def _kind(process: psutil.Process) -> str:
    command = process.cmdline()
    kinds = {WORKER: "worker", PICTURES: "pictures"}
    return next((kind for module, kind in kinds.items() if module in command), "other")
