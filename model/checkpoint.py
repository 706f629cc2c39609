"""Checkpoints of a training, written so that a stop at any moment loses none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def save_training(
    path: Path, module: nn.Module, optimizer: Stateful, step: int, **more: Any
) -> None:
    """Write beside, then replace: the old checkpoint stands until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    torch.save(
        {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step, **more},
        beside,
    )
    beside.replace(path)


def load_training(path: Path, module: nn.Module, optimizer: Stateful) -> int:
    """Restore both and return the step; 0 where there is no checkpoint."""
    if not path.exists():
        return 0
    saved = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(saved["module"])
    optimizer.load_state_dict(saved["optimizer"])
    step: int = saved["step"]
    return step
