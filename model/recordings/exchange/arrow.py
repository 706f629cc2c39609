"""pyarrow, which is not installed everywhere and has no types."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lightcone.model.interface import ModelError


class NoArrow(ModelError):
    """pyarrow is not installed."""


def arrow() -> Any:
    """Raises NoArrow."""
    return _module("pyarrow")


def parquet() -> Any:
    """Raises NoArrow."""
    return _module("pyarrow.parquet")


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise NoArrow("LeRobot's files need pyarrow (pip install 'lightcone[lerobot]')") from error
