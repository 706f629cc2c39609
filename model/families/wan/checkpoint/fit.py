"""Whether tensors are those of a module, and how they become its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lightcone.model.families.wan.checkpoint.keys import shown
from lightcone.model.interface import WeightsError


def check(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Raises WeightsError, which names what is missing, unexpected, or of another shape. Reads no
    numbers."""
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    shapes = [
        f"{key} is {found[key]} for {expected[key]}"
        for key in expected
        if key in found and found[key] != expected[key]
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} of {len(expected)} keys are missing: {shown(missing)}")
    if unexpected:
        problems.append(f"{len(unexpected)} are unexpected: {shown(unexpected)}")
    if shapes:
        problems.append(f"{len(shapes)} have another shape: {shown(shapes, 2)}")
    if problems:
        raise WeightsError(f"{path} is no checkpoint of {what}; {'; '.join(problems)}")


def fill(
    module: nn.Module, tensors: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
) -> None:
    """Give a module on the meta device these parameters, which were checked. It is for inference
    from then on."""
    module.load_state_dict(
        {key: value.to(device, dtype) for key, value in tensors.items()}, assign=True
    )
    module.eval().requires_grad_(False)
