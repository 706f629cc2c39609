"""The same arithmetic on every machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

USED_BY = ("families.avdit.model", "training.avdit.transformer")


def compute_in(patch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    for module in USED_BY:
        patch.setattr(f"lightcone.model.{module}.compute_dtype", lambda device: dtype)


@pytest.fixture(autouse=True, scope="session")
def _in_float32() -> Iterator[None]:
    """What is compared to the last bits is computed in float32, also where bfloat16 is fast."""
    with pytest.MonkeyPatch.context() as patch:
        compute_in(patch, torch.float32)
        yield


@pytest.fixture
def in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    compute_in(monkeypatch, torch.bfloat16)
