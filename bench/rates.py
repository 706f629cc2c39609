"""What a device can do at best: products and reading from memory, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

_SECONDS = 0.5  # of work that is timed


@dataclass(frozen=True)
class Device:
    flops: float  # a second
    bytes: float  # a second
    value: int  # bytes of a weight and of a number in the cache


H100 = Device(989e12, 3.35e12, 2)
"""SXM, dense bfloat16, from NVIDIA's data sheet."""


def rates(device: torch.device, dtype: torch.dtype) -> Device:
    """The best of many products of matrices and of many sums over memory, in the threads that torch
    has here."""
    size, numbers = (8192, 2**30) if device.type == "cuda" else (512, 2**24)
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    product = _best(lambda: torch.mm(a, b), device)
    many = torch.zeros(numbers, device=device, dtype=dtype)
    read = _best(lambda: many.sum(), device)
    return Device(2 * size**3 / product, numbers * dtype.itemsize / read, dtype.itemsize)


def wait_for(device: torch.device) -> None:
    """Until all that was asked of it is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    best, end = float("inf"), time.perf_counter() + _SECONDS
    while (began := time.perf_counter()) < end:
        work()
        wait_for(device)
        best = min(best, time.perf_counter() - began)
    return best
