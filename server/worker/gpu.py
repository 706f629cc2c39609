"""The GPU that a worker computes on, as NVIDIA's management library sees it (nvidia-ml-py, which
need not be installed)."""

from __future__ import annotations

import importlib
from typing import Any

from lightcone.server.worker.messages import Gpu


class GpuReader:
    """Of a torch device; reads nothing where that is no NVIDIA GPU, or the library or its driver
    is not there."""

    def __init__(self, device: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        if not device.startswith("cuda"):
            return
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            return
        try:
            nvml.nvmlInit()
            self._handle = nvml.nvmlDeviceGetHandleByUUID(_uuid(device))
        except nvml.NVMLError:
            return
        self._nvml = nvml

    def read(self) -> Gpu | None:
        """As it is now."""
        if self._nvml is None:
            return None
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            use = self._nvml.nvmlDeviceGetUtilizationRates(self._handle)
            name = self._nvml.nvmlDeviceGetName(self._handle)
        except self._nvml.NVMLError:
            return None
        return Gpu(str(name), int(memory.used), int(memory.total), use.gpu / 100)

    def close(self) -> None:
        if self._nvml is not None:
            self._nvml.nvmlShutdown()
            self._nvml = None


def _uuid(device: str) -> str:
    """NVML counts all GPUs of the machine, torch those that are visible to the process: the UUID
    is the same for both."""
    import torch

    return f"GPU-{torch.cuda.get_device_properties(torch.device(device)).uuid}"
