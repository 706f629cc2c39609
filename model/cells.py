"""Picture tokens as latent cells: patches, and the convolutions around the transformer's blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.codec import Residual2d
from model.config import PATCH, TransformerConfig
from model.scene import map_count


class Stem(nn.Module):
    """Convolutions over the latent cells before they become tokens. What moves, moves the same
    way everywhere: convolutions know that from the start, patches have to learn it place by
    place."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.narrow = nn.Conv2d(map_count(c.frames), c.maps, 1)
        self.enter = nn.Conv2d(2 * c.picture_values // PATCH**2, c.cells, 3, padding=1)
        self.enter_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        self.layers = nn.Sequential(Residual2d(c.cells))
        self.to_tokens = nn.Linear(c.cells * PATCH**2, c.width)
        nn.init.zeros_(self.to_tokens.weight)
        nn.init.zeros_(self.enter_maps.weight)

    def map(self, maps: Tensor) -> Tensor:
        """The scene's maps (B, C, M, h, w) -> (B * C, maps, h, w)."""
        return _channels_last(F.silu(self.narrow(maps.flatten(0, 1))))

    def forward(self, seen: Tensor, maps: Tensor) -> Tensor:
        """Two chunks as tokens (B, C, P, 2 values) and maps -> cells (B * C, cells, h, w)."""
        grid = unpatchify(seen.flatten(0, 1), self.config.rows, self.config.columns)
        cells: Tensor = self.layers(self.enter(grid) + self.enter_maps(maps))
        return cells

    def tokens(self, cells: Tensor, batch: int, places: Tensor | None) -> Tensor:
        """Cells (B * C, cells, h, w) -> tokens (B, C, P', width)."""
        tokens = patchify(cells).unflatten(0, (batch, -1))
        told: Tensor = self.to_tokens(pick(tokens, places))
        return told


class Head(nn.Module):
    """Convolutions over the latent cells after the tokens: what the tokens say is drawn where
    the stem saw it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.from_tokens = nn.Linear(c.width, c.cells * PATCH**2)
        self.from_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        nn.init.zeros_(self.from_maps.weight)
        self.layers = nn.Sequential(*[Residual2d(c.cells) for _ in range(2)])
        self.leave = nn.Conv2d(c.cells, 2 * c.picture_values // PATCH**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, cells: Tensor, maps: Tensor, tokens: Tensor, places: Tensor | None) -> Tensor:
        """Cells (B * C, cells, h, w), maps (B * C, maps, h, w) and tokens (B, C, P', width)
        -> (B, C, P', 2 values): what is new, and the mask."""
        c = self.config
        batch, chunks = tokens.shape[:2]
        told = self.from_tokens(tokens)
        told = put(told, places, told.new_zeros(batch, chunks, c.picture_tokens, told.shape[-1]))
        x = cells + unpatchify(told.flatten(0, 1), c.rows, c.columns) + self.from_maps(maps)
        out = patchify(self.leave(F.silu(self.layers(x))))
        return pick(out.unflatten(0, (batch, chunks)), places)


def pick(tokens: Tensor, places: Tensor | None) -> Tensor:
    """The picture tokens at `places` (B, P') of (B, C, P, values); all where there are none."""
    if places is None:
        return tokens
    index = places[:, None, :, None].expand(-1, tokens.shape[1], -1, tokens.shape[3])
    return tokens.gather(2, index)


def put(tokens: Tensor, places: Tensor | None, onto: Tensor) -> Tensor:
    """`onto` (B, C, P, values) with the tokens at `places` replaced; the inverse of `pick`."""
    if places is None:
        return tokens
    index = places[:, None, :, None].expand(-1, tokens.shape[1], -1, tokens.shape[3])
    return onto.scatter(2, index, tokens.to(onto.dtype))


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


def _channels_last(x: Tensor) -> Tensor:
    """The same (N, C, H, W) in the memory format that CPUs convolve fastest."""
    return x.contiguous(memory_format=torch.channels_last)
