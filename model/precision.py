"""Which number format is fast where we run."""

from __future__ import annotations

from pathlib import Path

import torch


def compute_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32: on CPUs without
    AVX512-BF16 or AMX, bfloat16 is about three times slower than float32."""
    if device.type == "cuda":
        return torch.bfloat16
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    native = "avx512_bf16" in flags or "amx_bf16" in flags
    return torch.bfloat16 if native else torch.float32
