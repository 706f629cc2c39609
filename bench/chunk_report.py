"""The report of `bench chunk`: time and memory."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lightcone.bench import chunk_minutes
from lightcone.bench.chunk_timing import (
    Play,
    TimedModel,
    measure,
    open_timed,
    spreads,
    weights_mb,
)
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.procfs import process_memory
from lightcone.model.interface import ModelError


@dataclass(frozen=True)
class Settings:
    """With `minutes`, one session is stepped for so long on the clock, `paced` at its fps or as
    quickly as it can."""

    weights: Path
    world: str
    steps: int | None = None  # the family's own
    device: str = "cpu"
    seed: int = 0
    chunks: int = 200
    batch: int = 1
    minutes: float | None = None
    paced: bool = True


def run(settings: Settings) -> dict[str, Any]:
    """Raises BenchError."""
    try:
        model = open_timed(settings.world, settings.weights, settings.steps, settings.device)
    except ModelError as error:
        raise BenchError(str(error)) from error
    return report(model, settings)


def report(model: TimedModel, settings: Settings) -> dict[str, Any]:
    info = model.worlds[settings.world]
    play = Play(model, settings.world, settings.seed, settings.batch)
    times = spreads(measure(play, settings.chunks))
    total, duration = times["total"], 1000 * info.chunk_seconds
    found: dict[str, Any] = {
        "world": info.name,
        "steps": model.steps[0],
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "batch": settings.batch,
        "chunks": settings.chunks,
        "chunk_duration_ms": round(duration, 2),
        "cache_pass": model.cache_pass,
        "ms": {part: None if each is None else asdict(each) for part, each in times.items()},
        "p95_over_duration": None if total is None else round(total.p95 / duration, 3),
        "memory_mb": _memory(play, settings.world),
    }
    if settings.minutes is not None:
        alone = Play(model, settings.world, settings.seed, 1)
        noted = chunk_minutes.run(alone, settings.minutes, info.chunk_seconds, settings.paced)
        compared = chunk_minutes.compared(noted)
        found |= {"minutes": settings.minutes, "paced": settings.paced, **compared}
    return {**found, "machine": asdict(machine())}


def _memory(play: Play, world: str) -> dict[str, Any]:
    resident = process_memory(os.getpid())
    found = {
        "weights": weights_mb(play.model, world),
        "state": round(play.model.cost(world).state_bytes / 1e6, 2),
        "process": resident.now_mb,
        "process_peak": resident.peak_mb,
    }
    if play.model.device.type == "cuda":
        found["cuda_peak"] = round(torch.cuda.max_memory_allocated(play.model.device) / 1e6, 1)
    return found
