"""Staged models over random weights, made once: tests change no state and no weights."""

from __future__ import annotations

import pytest
import torch
from small_worlds import small_weights

from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.weights import Weights


@pytest.fixture(scope="session")
def weights() -> Weights:
    return small_weights()


@pytest.fixture(scope="session")
def model(weights: Weights) -> StagedModel:
    return StagedModel(weights)


@pytest.fixture(scope="session")
def half() -> StagedModel:
    """A model in bfloat16."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lightcone.model.families.staged.model.compute_dtype", lambda device: torch.bfloat16
        )
        return StagedModel(small_weights())
