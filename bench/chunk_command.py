"""`bench chunk`: time and memory of one chunk by part, of a batch, and over minutes."""

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

    settings = chunk_report.Settings(
        weights=args.weights or WEIGHTS_DIR,
        world=args.world,
        steps=args.steps,
        device=args.device,
        seed=args.seed,
        chunks=args.chunks,
        batch=args.batch,
        minutes=args.real_minutes,
        paced=not args.unpaced,
    )
    return chunk_report.run(settings)
