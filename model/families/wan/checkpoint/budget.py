"""Memory: what a model will take is known before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lightcone.model.interface import WeightsError

_GB = 1e9


@dataclass(frozen=True)
class Budget:
    """Bytes by part, on one device."""

    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    def __str__(self) -> str:
        """One line, with the sum."""
        parts = ", ".join(f"{name} {size / _GB:.2f}" for name, size in self.parts.items())
        return f"{self.total / _GB:.2f} GB ({parts})"

    def check(self, device: torch.device) -> None:
        """Raises WeightsError where the device has less memory free."""
        free = free_bytes(device)
        if self.total > free:
            raise WeightsError(
                f"too little memory on {device}: {self} are needed, {free / _GB:.2f} GB are free; "
                "a smaller window, the text encoder on another device, or a larger device help"
            )


def free_bytes(device: torch.device) -> int:
    """What programs can still take of a device's memory; for the CPU, of the machine's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    raise WeightsError("/proc/meminfo does not say how much memory is free")


def module_bytes(module: nn.Module, dtype: torch.dtype) -> int:
    """Of a module's parameters in a number format."""
    return sum(value.numel() for value in module.state_dict().values()) * dtype.itemsize


def tensor_bytes(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> int:
    return sum(value.numel() for value in tensors.values()) * dtype.itemsize
