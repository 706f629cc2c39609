"""The report of `bench chunk`: minute 1 and minute 60, time and memory."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch

from lightcone.bench.chunk_timing import (
    NO_CACHE_PASS,
    TimedWorld,
    measure,
    spreads,
    state_at,
    state_mb,
    weights_mb,
)
from lightcone.bench.errors import BenchError
from lightcone.bench.machine import machine
from lightcone.bench.procfs import process_memory
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import ModelError

MINUTES = (1, 60)


def run(folder: Path, name: str, steps: int, device: str, seed: int, chunks: int) -> dict[str, Any]:
    """Of a world that the weights in `folder` know. Raises BenchError."""
    try:
        world = TimedWorld(Weights.load(folder), name, steps=steps, device=device)
    except ModelError as error:
        raise BenchError(str(error)) from error
    return report(world, seed, chunks)


def report(world: TimedWorld, seed: int, chunks: int) -> dict[str, Any]:
    measured = measure(world, seed, MINUTES, chunks)
    totals = {minute: median(each.total for each in measured[minute]) for minute in MINUTES}
    chunk_ms = 1000 * world.info.chunk_seconds
    return {
        "world": world.info.name,
        "steps": world.steps,
        "device": str(world.device),
        "dtype": str(world.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "chunks": chunks,
        "chunk_duration_ms": round(chunk_ms, 2),
        "cache_pass": NO_CACHE_PASS,
        "ms": {
            f"minute_{minute}": {
                part: None if figures is None else asdict(figures)
                for part, figures in spreads(times).items()
            }
            for minute, times in measured.items()
        },
        "p95_over_duration": {
            f"minute_{minute}": _over(measured[minute], chunk_ms) for minute in MINUTES
        },
        "minute_60_over_minute_1": round(totals[60] / totals[1], 3),
        "memory_mb": _memory(world, seed),
        "machine": asdict(machine()),
    }


def _over(times: list[Any], chunk_ms: float) -> float | None:
    total = spreads(times)["total"]
    return None if total is None else round(total.p95 / chunk_ms, 3)


def _memory(world: TimedWorld, seed: int) -> dict[str, Any]:
    states = {f"state_minute_{m}": state_mb(state_at(world, seed, m)) for m in MINUTES}
    found: dict[str, Any] = {"weights": weights_mb(world), **states}
    resident = process_memory(os.getpid())
    found |= {"process": resident.now_mb, "process_peak": resident.peak_mb}
    if world.device.type == "cuda":
        found["cuda_peak"] = round(torch.cuda.max_memory_allocated(world.device) / 1e6, 1)
    return found
