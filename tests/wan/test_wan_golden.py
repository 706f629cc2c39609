"""Our chunk loop against fastvideo 0.2.1's causal Wan (Self-Forcing) through six chunks, three of
which are beyond the window. `golden_from_fastvideo.py` made its results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from golden import CHUNK, CHUNKS, FILE, STEPS, WINDOWS, noise, text, weights
from safetensors.torch import load_file
from tiny_wan import relative_error

from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.passes import Rows
from lightcone.model.families.wan.network.sampler import sample
from lightcone.model.families.wan.network.store import Store

MOST = 1e-5


def test_a_sink_makes_a_difference() -> None:
    expected = load_file(Path(__file__).with_name(FILE))
    assert relative_error(expected["sink"][-1], expected["window"][-1]) > 1e-4


@pytest.mark.parametrize("key", list(WINDOWS))
@torch.inference_mode()
def test_chunks_are_those_of_fastvideo(key: str) -> None:
    expected = load_file(Path(__file__).with_name(FILE))[key]
    model, window = weights(), WINDOWS[key]
    keys, past = model.text_keys(text()), Past()
    for i in range(CHUNKS):
        rows = Rows([past], [i * CHUNK], keys)
        latents, [past] = sample(model, window, rows, noise(i), STEPS, Store())
        assert relative_error(latents[0], expected[i]) < MOST
