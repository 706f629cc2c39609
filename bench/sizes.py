"""`bench sizes`: what the sizes of the avdit family cost, and the least time of a chunk.

The floor is what arithmetic and memory alone would take, whichever is more: no program is faster,
and most are a good deal slower.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any

import torch

from lightcone.bench.machine import machine
from lightcone.bench.rates import H100, Device, rates
from lightcone.model.families.avdit.network.config import SIZES, AvditConfig
from lightcone.model.families.avdit.network.transformer import Transformer

_DOOM = {  # 256x192, with sound
    "rows": 24, "columns": 32, "patch": 4, "reach": 1, "turning": 16, "controls": 3,
    "numbers": 10, "angles": (6,), "positions": (8, 9),
}  # fmt: skip
_FPS = 35


def run(args: Namespace) -> dict[str, Any]:
    torch.set_num_threads(1)
    core = rates(torch.device("cpu"), torch.float32)
    sizes = {
        name: cost(AvditConfig(**_DOOM, **SIZES[name]), args.steps, core)  # type: ignore[arg-type]
        for name in SIZES
        if name != "tiny"
    }
    return {
        "machine": asdict(machine()),
        "steps": args.steps,
        "core": {"gflops": round(core.flops / 1e9), "gb_a_second": round(core.bytes / 1e9, 1)},
        "sizes": sizes,
    }


def cost(c: AvditConfig, steps: int, core: Device) -> dict[str, float]:
    """Of a chunk in so many denoising steps. The first pass takes two chunks, see `sampler`."""
    with torch.device("meta"):
        model = Transformer(c)
    weights = sum(p.numel() for p in model.parameters())
    flops = (steps + 1) * c.flops
    return {
        "parameters_m": round(weights / 1e6, 1),
        "gflop_a_chunk": round(flops / 1e9, 2),
        "weights_mb": round(4 * weights / 1e6),
        "cache_mb": round(2 * c.cache_values / 1e6, 1),  # float16
        "chunk_ms": round(1000 * c.frames / _FPS, 1),
        "floor_core_ms": round(1000 * floor(flops, steps * weights, c, core), 2),
        "floor_h100_ms": round(1000 * floor(flops, steps * weights, c, H100), 3),
    }


def floor(flops: float, weights: int, c: AvditConfig, device: Device) -> float:
    """Seconds of so many operations with `weights` numbers and the cache read once."""
    read = device.value * weights + 2 * c.cache_values
    return max(flops / device.flops, read / device.bytes)
