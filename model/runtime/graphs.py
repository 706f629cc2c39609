"""Work that is recorded once and repeated without Python: CUDA graphs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

_WARM_UP = 2  # libraries choose kernels and take memory, which can not be recorded

log = logging.getLogger("lightcone.graphs")


class Record(Protocol):
    """Takes work that reads and writes tensors at fixed places, does it, and returns its result and
    what repeats it: with what its inputs hold then, into the same result."""

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]: ...


def recorder(device: torch.device) -> Record | None:
    """None, with a line in the log, where there are no graphs."""
    if device.type == "cuda":
        return recorded
    log.warning("graphs are for CUDA: on %s each pass is launched kernel by kernel", device)
    return None


def recorded(work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
    """A `Record` by a CUDA graph, of what `work` launches on the current stream. Other threads may
    use the device meanwhile. `work` waits for nothing and copies nothing from the host."""
    main, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(main)
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            work()
    main.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        out = work()
    return out, graph.replay
