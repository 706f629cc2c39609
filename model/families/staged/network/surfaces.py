"""What things look like: learned features, fetched where a view shows them.

Neural textures (Thies et al. 2019, "Deferred neural rendering"): a flat world has canvases, which
the prompt mixes; a world with depth has one texture for each of its surfaces; and what moves has
sprites, which its pose mixes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.view import View

_CANVASES = 16  # mixed by the prompt
_CANVAS_DEPTH = 8
_TEXELS_PER_CELL = 2  # of a canvas, along each side
_TEXTURE_DEPTH = 8
_TEXELS_PER_ROW = 8 / 3  # of a learned texture, for each row of the picture's cells
_LEVELS = 4  # each half as fine as the one before
_SPRITES = 16  # of each thing, mixed by pose and prompt
_SPRITE_DEPTH = 6
_POSE = 96  # width of the network that mixes them
_FIRST = 0.05  # spread of fresh features


class Canvases(nn.Module):
    """The look of a flat world: canvases that prompts mix, fetched at the quarters of cells."""

    def __init__(self, text: int, size: PictureSize) -> None:
        super().__init__()
        canvas = (_TEXELS_PER_CELL * size.rows, _TEXELS_PER_CELL * size.columns)
        self.paint = nn.Parameter(torch.randn(_CANVASES, _CANVAS_DEPTH, *canvas) * _FIRST)
        self.choose = nn.Linear(text, _CANVASES)
        self.depth = 4 * _CANVAS_DEPTH

    def forward(self, view: View, text: Tensor, every: int) -> Tensor:
        """`view` of B * C chunks of `every` frames, the first of which is left out; `text`
        (B, C, text) -> features (B * C, frames * depth, h, w)."""
        weights = self.choose(text).flatten(0, 1)
        canvas = torch.einsum("bk,kdhw->bdhw", weights, self.paint)
        place = _quarters(view.place[:, 0].unflatten(0, (-1, every))[:, 1:])
        grid = place.flatten(1, 3)  # (B C, frames * 4 * h, w, 2)
        seen = F.grid_sample(canvas, grid, padding_mode="border", align_corners=False)
        seen = seen.unflatten(2, (every - 1, 4, -1)).transpose(1, 2)  # (B C, frames, D, 4, h, w)
        return seen.flatten(1, 3)


class Textures(nn.Module):
    """The look of a world with depth: a texture for each kind of surface, at several levels."""

    def __init__(self, count: int, size: PictureSize) -> None:
        super().__init__()
        self.texels = round(_TEXELS_PER_ROW * size.rows)
        shape = (count, _TEXTURE_DEPTH, self.texels, self.texels)
        self.paint = nn.Parameter(torch.randn(shape) * _FIRST)
        self.depth = 4 * _TEXTURE_DEPTH
        self._kept: tuple[object, Tensor] | None = None

    def _texels(self) -> Tensor:
        """Those of all levels, (N, _TEXTURE_DEPTH); made once where nothing is learned."""
        paint = self.paint
        state = (paint.data_ptr(), paint.dtype, paint._version)
        if self._kept is not None and self._kept[0] == state and not paint.requires_grad:
            return self._kept[1]
        levels: list[Tensor] = []
        level: Tensor = paint
        for _ in range(_LEVELS):
            levels.append(level.permute(0, 2, 3, 1).reshape(-1, _TEXTURE_DEPTH))
            level = F.avg_pool2d(level, 2)
        texels = torch.cat(levels)
        self._kept = None if paint.requires_grad else (state, texels)
        return texels

    def forward(self, view: View, text: Tensor, every: int) -> Tensor:
        """As `Canvases`."""
        assert view.texture is not None
        assert view.sharp is not None
        sizes = [self.texels >> k for k in range(_LEVELS)]
        count = len(self.paint)
        first = [sum(count * s * s for s in sizes[:k]) for k in range(_LEVELS)]
        device = self.paint.device
        part = slice(1, None)
        place = view.place.unflatten(0, (-1, every))[:, part]
        number = view.texture.unflatten(0, (-1, every))[:, part]
        coarse = torch.log2(torch.tensor(128 / self.texels, device=device))
        sharp = view.sharp.unflatten(0, (-1, every))[:, part] - coarse
        chosen = sharp.round().long().clamp(0, _LEVELS - 1)
        size = torch.tensor(sizes, device=device)[chosen]
        at = place * size[..., None] - 0.5
        low = at.floor()
        share = at - low
        most = size - 1
        index, weight = [], []
        for down in (0, 1):
            for right in (0, 1):
                u = torch.minimum((low[..., 0].long() + right).clamp_min(0), most)
                v = torch.minimum((low[..., 1].long() + down).clamp_min(0), most)
                row = (number * size + v) * size + u
                index.append(torch.tensor(first, device=device)[chosen] + row)
                across = share[..., 0] if right else 1 - share[..., 0]
                along = share[..., 1] if down else 1 - share[..., 1]
                weight.append(across * along)
        seen = F.embedding_bag(
            torch.stack(index, -1).flatten(0, -2),
            self._texels(),
            per_sample_weights=torch.stack(weight, -1).flatten(0, -2),
            mode="sum",
        )
        seen = seen.view(*number.shape, _TEXTURE_DEPTH)  # (B C, frames, 4, h, w, D)
        return seen.movedim(-1, 3).flatten(1, 3)


class Sprites(nn.Module):
    """The look of things that move, each in coordinates of its own."""

    def __init__(self, things: int, facts: int, text: int, size: PictureSize) -> None:
        super().__init__()
        self.things = things
        shape = (things, _SPRITES, _SPRITE_DEPTH, size.rows, size.rows)
        self.paint = nn.Parameter(torch.randn(shape) * _FIRST)
        self.pose = nn.Sequential(
            nn.Linear(facts + text, _POSE),
            nn.SiLU(),
            nn.Linear(_POSE, _POSE),
            nn.SiLU(),
            nn.Linear(_POSE, things * _SPRITES),
        )
        # What a prompt dyes, such as a shirt: how strong each feature of each thing is.
        self.dye = nn.Linear(text, things * _SPRITE_DEPTH)
        nn.init.zeros_(self.dye.weight)
        nn.init.zeros_(self.dye.bias)
        self.depth = 4 * things * _SPRITE_DEPTH

    def forward(self, near: Tensor, facts: Tensor, text: Tensor) -> Tensor:
        """`near` (N, frames, things, w + h) as `View.things`, `facts` (N, frames, COUNT), `text`
        (N, text) -> features (N, frames * depth, h, w)."""
        count, frames = facts.shape[:2]
        posed = torch.cat([facts, text[:, None].expand(-1, frames, -1)], -1)
        weights = self.pose(posed).unflatten(-1, (self.things, _SPRITES))
        sprites = torch.einsum("nfsk,skdhw->nfsdhw", weights, self.paint)
        grid = _spread(near).flatten(0, 2).flatten(1, 2)  # (N * frames * things, 4 * h, w, 2)
        seen = F.grid_sample(sprites.flatten(0, 2), grid, align_corners=False)
        seen = seen.unflatten(0, (count, frames, self.things))  # (N, F, things, D, 4 * h, w)
        dyed = self.dye(text).view(count, 1, self.things, _SPRITE_DEPTH, 1, 1)
        seen = torch.addcmul(seen, seen, dyed)
        return seen.unflatten(4, (4, -1)).flatten(1, 4)


def _spread(near: Tensor) -> Tensor:
    """Middles of columns and rows (..., w + h), y up -> middles of the quarters of cells
    (..., 4, h, w, 2), y down."""
    wide = near.shape[-1] * 4 // 7  # pictures are 4 to 3
    x, y = _halves(near[..., :wide]), _halves(-near[..., wide:])
    return _grid(x, y)


def _quarters(place: Tensor) -> Tensor:
    """Middles of cells (..., h, w, 2) of a flat view -> middles of their quarters
    (..., 4, h, w, 2), row by row within a cell."""
    return _grid(_halves(place[..., 0, :, 0]), _halves(place[..., :, 0, 1]))


def _halves(x: Tensor) -> Tensor:
    """Evenly spaced middles (..., n) -> those of their first and of their second halves
    (..., 2, n)."""
    quarter = (x[..., 1:2] - x[..., :1]) / 4
    return torch.stack([x - quarter, x + quarter], -2)


def _grid(x: Tensor, y: Tensor) -> Tensor:
    """(..., 2, w) and (..., 2, h) -> (..., 4, h, w, 2)."""
    size = (*y.shape[:-1], 2, y.shape[-1], x.shape[-1])
    wide = x[..., None, :, None, :].expand(size)
    high = y[..., :, None, :, None].expand(size)
    return torch.stack([wide, high], -1).flatten(-5, -4)
