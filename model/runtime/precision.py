"""Where we run, and which number format is fast there."""

from __future__ import annotations

from pathlib import Path

import torch

from lightcone.model.interface import UnsupportedSetting


def compute_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32: on CPUs without
    AVX512-BF16 or AMX, bfloat16 is about three times slower than float32."""
    if device.type == "cuda":
        return torch.bfloat16
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    native = "avx512_bf16" in flags or "amx_bf16" in flags
    return torch.bfloat16 if native else torch.float32


def usable_device(name: str) -> torch.device:
    """The device of that name. Raises UnsupportedSetting where there is none."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise UnsupportedSetting(f"the device '{name}' can not be used: {reason}") from error
    return device
