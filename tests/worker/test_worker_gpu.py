"""A GPU that is not there is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightcone.server.worker.gpu import GpuReader

DRIVER = Path("/proc/driver/nvidia/version")


def test_a_cpu_has_no_gpu() -> None:
    reader = GpuReader("cpu")
    assert reader.read() is None
    reader.close()


@pytest.mark.skipif(DRIVER.exists(), reason="there is a driver")
def test_without_a_driver_nothing_is_read() -> None:
    reader = GpuReader("cuda")
    assert reader.read() is None
    reader.close()


@pytest.mark.skipif(not DRIVER.exists(), reason="there is no driver")
def test_with_a_gpu_its_memory_is_read() -> None:
    pytest.importorskip("pynvml")
    gpu = GpuReader("cuda").read()
    assert gpu is not None
    assert 0 < gpu.memory_used_bytes < gpu.memory_total_bytes
    assert 0 <= gpu.use <= 1
