"""A session over minutes on the clock: does a chunk take longer at the end than at the beginning,
and does the process take more memory?"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from tqdm import tqdm

from lightcone.bench.chunk_timing import Play
from lightcone.bench.procfs import process_memory
from lightcone.bench.statistics import spread

_MINUTE = 60.0


@dataclass(frozen=True)
class Noted:
    """A chunk: when it was finished, in seconds, how long it took, and the memory of the process
    after it, in MB."""

    at: float
    ms: float
    memory_mb: float


def run(play: Play, minutes: float, chunk_seconds: float, paced: bool) -> list[Noted]:
    """Two chunks at least. `paced`: each is begun when it is due, as a server does; else as soon
    as it can."""
    play.warm_up()
    began, total = time.monotonic(), _MINUTE * minutes
    noted: list[Noted] = []
    with tqdm(total=round(total), desc="seconds", unit="s") as bar:
        while (now := time.monotonic() - began) < total or len(noted) < 2:
            due = len(noted) * chunk_seconds
            if paced and due > now:
                time.sleep(due - now)
            took = play.step().total
            at = time.monotonic() - began
            noted.append(Noted(at, took, process_memory(os.getpid()).now_mb))
            bar.update(int(min(at, total)) - bar.n)
    return noted


def compared(noted: Sequence[Noted]) -> dict[str, Any]:
    """The last minute beside the first one, of two chunks or more; halves where there are not two
    minutes."""
    end = noted[-1].at
    length = min(_MINUTE, end / 2)
    # The first chunk itself may have taken more than half of the time.
    first = [each for each in noted if each.at <= length] or list(noted[:1])
    last = [each for each in noted[len(first) :] if each.at > end - length]
    ratios = {
        f"ratio_{name}": round(
            median(getattr(n, field) for n in last) / median(getattr(n, field) for n in first), 3
        )
        for name, field in (("time", "ms"), ("memory", "memory_mb"))
    }
    return {"first_minute": _window(first), "last_minute": _window(last), **ratios}


def _window(noted: Sequence[Noted]) -> dict[str, Any]:
    times = spread([each.ms for each in noted], 2)
    return {
        "ms": None if times is None else asdict(times),
        "memory_mb": round(median(each.memory_mb for each in noted), 1),
    }
