"""What was measured on: figures mean nothing without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("lightcone", "torch", "aiortc", "av", "uvicorn", "uvloop")


@dataclass(frozen=True)
class Machine:
    """`cores` are those that this process may run on; `load` is the mean number of runnable
    processes over the last minute: more than `cores` means that others were in the way."""

    cpu: str
    cores: int
    load: float
    system: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)


def machine() -> Machine:
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 1),
        system=platform.platform(),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
