"""The same arithmetic on every machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _game_in_float32() -> Iterator[None]:
    """What is compared to the last bits is computed in float32, also where bfloat16 is fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lightcone.model.families.wan.weights.compute_dtype", lambda device: torch.float32
        )
        yield
