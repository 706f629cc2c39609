"""What the golden chunks are made of: weights, picture, actions and noise by their seeds."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from lightcone.model.families.matrix_game.network.config import TINY
from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.wan.network.config import TIME, Window
from lightcone.model.families.wan.network.sampler import noise_of, shifted

FILE = "golden_game.safetensors"
CONFIG = replace(TINY, rows=4, columns=8, width=48, layers=3, acting=2, action_width=128)
CHUNK, CHUNKS = 2, 5
WINDOW = Window(CHUNK, 6)
STEPS = shifted((1000, 666, 333))


def weights() -> MatrixGameTransformer:
    model = MatrixGameTransformer(CONFIG)
    fill(model)
    return model.eval().requires_grad_(False)


def fill(module: nn.Module) -> None:
    """With random numbers in all parameters, so that none of them is without effect."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15)


def picture() -> tuple[Tensor, Tensor]:
    """What is known of each latent (1, F, 20, rows, columns), and the features of the picture
    (1, text_length, text_width)."""
    generator, c = torch.Generator().manual_seed(4), CONFIG
    known = torch.randn(
        1, CHUNK * CHUNKS, c.inputs - c.channels, c.rows, c.columns, generator=generator
    )
    return known, torch.randn(1, c.text_length, c.text_width, generator=generator)


def actions() -> tuple[Tensor, Tensor]:
    """Keys and mouse of each frame, (1, frames, ...)."""
    generator, frames = torch.Generator().manual_seed(5), 1 + TIME * (CHUNK * CHUNKS - 1)
    keys = torch.randint(0, 2, (1, frames, CONFIG.keys), generator=generator).float()
    return keys, 0.2 * torch.rand(1, frames, CONFIG.mouse, generator=generator) - 0.1


def noise(chunk: int) -> Tensor:
    """(steps, 1, CHUNK, C, rows, columns)."""
    return noise_of(CONFIG, CHUNK, len(STEPS), [1], [chunk], torch.zeros(0))
