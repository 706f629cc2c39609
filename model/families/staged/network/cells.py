"""Picture tokens as latent cells: patches, and the convolutions around the transformer's blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.picture import Residual2d
from lightcone.model.families.staged.network.config import (
    PATCH,
    TransformerConfig,
)


class Stem(nn.Module):
    """Convolutions over the latent cells before they become tokens. What moves, moves the same
    way everywhere: convolutions know that from the start, patches have to learn it place by
    place."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.enter = nn.Conv2d(2 * c.depth, c.cells, 3, padding=1)
        self.enter_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        self.layers = nn.Sequential(Residual2d(c.cells))
        self.to_tokens = nn.Linear(c.cells * PATCH**2, c.width)

    def forward(self, seen: Tensor, maps: Tensor) -> Tensor:
        """Latents of two chunks (N, 2 depth, h, w) and the scene's maps (N, maps, h, w) -> cells
        (N, cells, h, w)."""
        cells: Tensor = self.layers(self.enter(seen) + self.enter_maps(maps))
        return cells

    def tokens(self, cells: Tensor) -> Tensor:
        """Cells (N, cells, h, w) -> tokens (N, P, width)."""
        tokens: Tensor = self.to_tokens(patchify(cells))
        return tokens


class Head(nn.Module):
    """Convolutions over the latent cells after the tokens: what the tokens hold is drawn where
    the stem saw it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.from_tokens = nn.Linear(c.width, c.cells * PATCH**2)
        self.from_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        self.from_text = nn.Linear(c.text, 2 * c.cells)
        self.layers = nn.Sequential(*[Residual2d(c.cells) for _ in range(2)])
        self.leave = nn.Conv2d(c.cells, 2 * c.depth, 3, padding=1)
        for layer in (self.from_text, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, cells: Tensor, maps: Tensor, tokens: Tensor, text: Tensor) -> Tensor:
        """Cells (N, cells, h, w), maps (N, maps, h, w), tokens (N, P, width) and text (N, text)
        -> (N, 2 depth, h, w): what is new, and the mask."""
        c = self.config
        drawn = unpatchify(self.from_tokens(tokens), c.token_rows, c.token_columns)
        scale, shift = self.from_text(text)[..., None, None].chunk(2, 1)
        x = (cells + drawn + self.from_maps(maps)) * (1 + scale) + shift
        out: Tensor = self.leave(F.silu(self.layers(x)))
        return out


def patchify(cells: Tensor, patch: int = PATCH) -> Tensor:
    """Cells (..., K, h, w) -> tokens (..., P, K * patch^2)."""
    *lead, k, h, w = cells.shape
    x = cells.movedim(-3, -1).reshape(*lead, h // patch, patch, w // patch, patch, k)
    return x.movedim(-4, -3).movedim(-1, -3).reshape(*lead, h * w // patch**2, k * patch**2)


def unpatchify(tokens: Tensor, rows: int, columns: int, patch: int = PATCH) -> Tensor:
    """The inverse: (..., P, K * patch^2) -> (..., K, h, w), the channels last in memory."""
    *lead, _, values = tokens.shape
    k = values // patch**2
    x = tokens.reshape(*lead, rows, columns, k, patch, patch).movedim(-3, -1).movedim(-4, -3)
    return x.reshape(*lead, rows * patch, columns * patch, k).movedim(-1, -3)


def channels_last(x: Tensor) -> Tensor:
    """The same (N, C, H, W) in the memory format that CPUs convolve fastest."""
    return x.contiguous(memory_format=torch.channels_last)
