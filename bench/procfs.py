"""What a process costs, from Linux's /proc (man 5 proc)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB (10**6 bytes), now and at its highest."""

    now_mb: float
    peak_mb: float


def cpu_seconds(stat: str) -> float:
    """CPU time in user and kernel mode from the text of /proc/PID/stat.

    The second field is the program's name in parentheses and may hold anything, so counting
    starts after the last one.
    """
    fields = stat.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])  # fields 14 and 15, of which 2 are gone
    return (user + system) / TICKS_PER_SECOND


def process_cpu_seconds(pid: int) -> float:
    return cpu_seconds(Path(f"/proc/{pid}/stat").read_text())


def memory(status: str) -> Memory:
    """From the text of /proc/PID/status."""
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    now, peak = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return Memory(round(now, 1), round(peak, 1))


def process_memory(pid: int) -> Memory:
    return memory(Path(f"/proc/{pid}/status").read_text())


def child_running(pid: int, module: str) -> int | None:
    """The child of `pid` that was started as `python -m module`."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    return None
