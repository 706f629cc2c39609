"""What the two halves load."""

from __future__ import annotations

import subprocess
import sys

WORKER_HALF = """
import sys
import lightcone.streaming as streaming
for name in set(streaming.__all__) - {"SessionStream"}:
    getattr(streaming, name)
print("aiortc" in sys.modules, streaming.SessionStream.__name__, "aiortc" in sys.modules)
"""


def test_only_the_viewers_half_loads_aiortc() -> None:
    printed = subprocess.check_output([sys.executable, "-c", WORKER_HALF], text=True)
    assert printed.split() == ["False", "SessionStream", "True"]
