"""How many cores the model takes on a CPU. Imports no torch: OpenMP reads this when it loads."""

from __future__ import annotations

import os
import sys

_MOST = 4  # the products of one small world are too short to be shared by more


def default_threads() -> int:
    """All cores but the one that encodes, sends and, in a browser on this machine, shows."""
    return max(1, min(_MOST, (os.cpu_count() or 1) - 1))


def openmp(threads: int) -> dict[str, str]:
    """Environment variables of the model's process. PASSIVE: a spinning thread would take the
    core that sends RTP."""
    return {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(threads)}


def use_threads(threads: int) -> None:
    """From now on torch computes with so many threads in this thread of the process, where a model
    has loaded it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def threads_used() -> int:
    """How many threads torch computes with in this thread of the process; 1 without torch."""
    torch = sys.modules.get("torch")
    return 1 if torch is None else int(torch.get_num_threads())
