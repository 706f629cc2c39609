"""What sessions cost, measured on the machine at hand."""

from __future__ import annotations

import time
from statistics import median

from lightcone.model.interface import Chunk, Cost, Model, State

_ON_CPU = (1, 2, 3, 4, 6, 8)
_ON_CUDA = (1, 2, 4, 8, 16, 32, 64)
_REPEATS = 6  # of a step of one state; those of larger buckets are repeated less often
_LEAST = 2


def measured(
    model: Model, state: State, state_bytes: int, *, cuda: bool, most: int | None = None
) -> Cost:
    """Of steps from a state, whose size is known, of at most so many states. Takes a second or
    so."""
    actions = model.worlds[state.world].actions([])

    def step(size: int) -> float:
        began = time.perf_counter()
        model.step([state] * size, [actions] * size, _unseen)  # waits for pictures and sound
        return 1000 * (time.perf_counter() - began)

    times: dict[int, float] = {}
    sizes = [n for n in (_ON_CUDA if cuda else _ON_CPU) if most is None or n <= most]
    for size in sizes:
        step(size)  # the first one of a size takes longer
        taken = sorted(step(size) for _ in range(max(_LEAST, _REPEATS // size)))
        # the faster half: what else the machine does at this moment is not the model's cost
        times[size] = median(taken[: (len(taken) + 1) // 2])
    return Cost(times, state_bytes)


def _unseen(row: int, chunk: Chunk) -> None:
    pass
