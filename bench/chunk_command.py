"""`bench chunk`: time and memory of one chunk by part, at minute 1 and minute 60."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.runtime.threads import openmp


def run(args: Namespace) -> dict[str, Any]:
    """Measured in this process, with OpenMP set up as in the server's model process. OpenMP
    reads these when torch is loaded, so torch is imported after that."""
    os.environ.update(openmp(args.threads))
    from lightcone.bench import chunk_report

    folder = args.weights or WEIGHTS_DIR
    return chunk_report.run(folder, args.world, args.steps, args.device, args.seed, args.chunks)
