"""Where we run, and which number format is fast there."""

from __future__ import annotations

from pathlib import Path

import torch

from lightcone.model.interface import UnsupportedSetting


def compute_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA and on CPUs with AMX, else float32. AVX512-BF16 alone is no gain: on a Xeon
    whose AMX was hidden a matrix product in bfloat16 ran at 82 GFLOP/s, in float32 at 111."""
    if device.type == "cuda":
        return torch.bfloat16
    cpuinfo = Path("/proc/cpuinfo")
    native = cpuinfo.exists() and "amx_bf16" in cpuinfo.read_text()
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
