"""Checkpoints of a training, written so that a stop at any moment loses none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from torch import nn

from lightcone.model.interface import WeightsError


class Kept(Protocol):
    def state_dict(self) -> dict[str, Any]: ...


class Stateful(Kept, Protocol):
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def save_training(path: Path, module: Kept, optimizer: Kept, step: int, **more: Any) -> None:
    """Write beside, then replace: the old checkpoint stands until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    torch.save(
        {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step, **more},
        beside,
    )
    beside.replace(path)


def load_training(path: Path, module: nn.Module, optimizer: Stateful) -> int:
    """Restore both and return the step; 0 where there is no checkpoint. Raises WeightsError."""
    if not path.exists():
        return 0
    saved = read(path)
    with fitting(path):
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        step: int = saved["step"]
    return step


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """What is loaded here came from `path`: raises WeightsError where it does not fit."""
    try:
        yield
    except (KeyError, RuntimeError, ValueError) as error:
        raise another(path, error) from error


def another(path: Path, error: Exception) -> WeightsError:
    """What is in `path` does not fit: the first lines of the error give the reason."""
    reason = " ".join(" ".join(str(error).splitlines()[:2]).split())
    return WeightsError(f"{path} is of another architecture: {reason}")


def load_module(module: nn.Module, path: Path, name: str = "module") -> None:
    """What was trained of a module. Raises WeightsError."""
    with fitting(path):
        module.load_state_dict(read(path)[name])


def read(path: Path) -> dict[str, Any]:
    """A checkpoint, on the CPU. Raises WeightsError."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise WeightsError(f"{path} can not be read: {str(error).splitlines()[0]}") from error
    return saved
