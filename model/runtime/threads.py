"""How many cores the model takes on a CPU. Imports no torch: OpenMP reads this when it loads."""

from __future__ import annotations

import os

_MOST = 4  # the products of one small world are too short to be shared by more


def default_threads() -> int:
    """All cores but the one that encodes, sends and, in a browser on this machine, shows."""
    return max(1, min(_MOST, (os.cpu_count() or 1) - 1))


def openmp(threads: int) -> dict[str, str]:
    """Environment variables of the model's process. PASSIVE: a spinning thread would take the
    core that sends RTP."""
    return {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(threads)}
