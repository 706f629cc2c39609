"""What the golden chunks are made of: weights, text and noise by their seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from tiny_wan import SMALL, filled
from torch import Tensor

from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.sampler import noise_of, shifted
from lightcone.model.families.wan.network.transformer import WanTransformer

FILE = "golden_causal.safetensors"
CONFIG = replace(SMALL, text_length=512)
CHUNK, CHUNKS = 2, 6
STEPS = shifted((1000, 500))
WINDOWS: Mapping[str, Window] = {
    "absolute": Window(CHUNK, 6, 0, "absolute"),
    "window": Window(CHUNK, 6, 0, "window"),
    "sink": Window(CHUNK, 6, 2, "window"),
}


def weights() -> WanTransformer:
    model = WanTransformer(CONFIG)
    filled(model)
    return model


def text() -> Tensor:
    """(1, text_length, text_width), of ten tokens."""
    drawn = torch.randn(1, 10, CONFIG.text_width, generator=torch.Generator().manual_seed(3))
    return torch.cat([drawn, drawn.new_zeros(1, CONFIG.text_length - 10, CONFIG.text_width)], 1)


def noise(chunk: int) -> Tensor:
    """(steps, 1, CHUNK, C, rows, columns)."""
    return noise_of(CONFIG, CHUNK, len(STEPS), [1], [chunk], torch.zeros(0))
