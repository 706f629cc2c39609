"""What the golden pictures of TAEHV are made of: weights and latents by their seeds."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.wan.network.config import TaehvConfig
from lightcone.model.families.wan.network.taehv import TaehvDecoder

FILE = "golden_taehv.safetensors"


def weights() -> TaehvDecoder:
    model = TaehvDecoder(TaehvConfig())
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        inputs = parameter[0].numel()
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * inputs**-0.5)
    return model.eval().requires_grad_(False)


def latents() -> Tensor:
    """(1, F, C, rows, columns)."""
    return 2 * torch.randn(1, 3, 16, 2, 3, generator=torch.Generator().manual_seed(1))
