"""How each world is told to the transformer: its facts and its prompt as features of latent cells.

What the facts put where (`geometry.py` of each world) has nothing to learn. What surfaces look
like has: they carry learned features, which are fetched where the view shows them (neural
textures; Thies et al. 2019, "Deferred neural rendering"). A flat world has canvases, which the
prompt mixes; a world with depth has one texture for each of its surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import TransformerConfig
from model.simulators import Learnable, learnable
from model.worlds.view import View

_CANVASES = 16  # mixed by the prompt
_CANVAS_DEPTH = 8
_CANVAS = (48, 64)  # rows and columns
_TEXTURE_DEPTH = 8
_TEXELS = 64  # along each side of a learned texture
_LEVELS = 4  # each half as fine as the one before
_MOMENTS = 4  # of a frame, to say when a contact falls into it


@dataclass(frozen=True)
class Scene:
    """What is the case in C chunks of B worlds.

    `told` (B, C, width) for all tokens, `heard` (B, C, frames, width) for those of sound,
    `maps` (B * C, maps, h, w) for the cells, `surfaces` (B * C, depth, h, w) what the surfaces
    that are seen would look like by themselves, `text` (B, C, text) the prompt, and `busy`
    (B, C, h, w): 1 where something moves in any of the chunk's frames.
    """

    told: Tensor
    heard: Tensor
    maps: Tensor
    surfaces: Tensor
    text: Tensor
    busy: Tensor

    @staticmethod
    def cat(parts: list[Scene]) -> Scene:
        """Worlds of several kinds, one after the other."""
        names = ("told", "heard", "maps", "surfaces", "text", "busy")
        return Scene(**{n: torch.cat([getattr(p, n) for p in parts]) for n in names})

    def chunk(self, i: int) -> Scene:
        """Chunk `i` of C, its axis kept."""
        now = slice(i, i + 1)
        batch, chunks = self.told.shape[:2]
        maps, surfaces = (x.unflatten(0, (batch, chunks))[:, i] for x in (self.maps, self.surfaces))
        return Scene(
            self.told[:, now],
            self.heard[:, now],
            maps,
            surfaces,
            self.text[:, now],
            self.busy[:, now],
        )


class Stage(nn.Module):
    """The scene of one world, from facts (B, C, 1 + frames, COUNT), of the frame before each
    chunk and of its own, and prompts (B, C, text)."""

    def __init__(self, world: str, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.world: Learnable = learnable(world)
        facts = self.world.facts
        self.geometry = self.world.geometry()
        contacts = (facts.CONTACTS_AT.stop - facts.CONTACTS_AT.start) // 2
        self.told = nn.Linear((1 + c.frames) * facts.COUNT, c.width)
        self.heard = nn.Linear((1 + c.frames) * contacts * _MOMENTS + facts.COUNT, c.width)
        self.surfaces: Canvases | Textures
        if self.world.textures:
            self.surfaces = Textures(self.world.textures)
        else:
            self.surfaces = Canvases(c.text)
        self.narrow = nn.Conv2d(1 + c.frames * self.world.maps, 2 * c.maps, 1)
        self.shine = nn.Conv2d(2 * c.maps, c.maps, 1)
        self.fetched = nn.Conv2d(c.frames * self.surfaces.depth, c.maps, 1)
        self.tint = nn.Linear(c.text, 4 * c.maps)
        self.mix = nn.Conv2d(3 * c.maps, c.maps, 1)
        self.plain = nn.Conv2d(c.maps, c.depth, 1)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.tint.weight)
        nn.init.zeros_(self.tint.bias)

    @property
    def paint(self) -> nn.Parameter:
        return self.surfaces.paint

    def forward(self, facts: Tensor, text: Tensor) -> Scene:
        batch, chunks = facts.shape[:2]
        view: View = self.geometry(facts.flatten(0, 2))
        every = 1 + self.config.frames
        maps = view.maps.unflatten(0, (batch * chunks, every))
        busy = view.busy.unflatten(0, (batch * chunks, every))
        known = torch.cat([busy[:, :1], maps[:, 1:].flatten(1, 2)], 1)
        scale, shift, scale2, shift2 = self.tint(text).flatten(0, 1)[..., None, None].chunk(4, 1)
        # (B C, 2 maps, h, w) -> what is there, coloured by the prompt
        there = F.silu(self.narrow(known))
        body = there[:, : self.config.maps] * (1 + scale) + shift
        surface = self.fetched(self.surfaces(view, text, every))
        lit = surface * (1 + self.shine(there))
        lit = lit * (1 + scale2) + shift2
        mixed = self.mix(torch.cat([there[:, self.config.maps :], body, lit], 1))
        return Scene(
            self.told(facts.flatten(2)),
            self.heard(self._events(facts)),
            mixed,
            self.plain(lit),
            text,
            busy[:, 1:].amax(1).unflatten(0, (batch, chunks)),
        )

    def _events(self, facts: Tensor) -> Tensor:
        """What sounds in each frame: contacts up to that frame by moment, and the frame's facts:
        (B, C, frames, values)."""
        at = self.world.facts.CONTACTS_AT
        strength, when = facts[..., at].chunk(2, -1)
        moments = torch.arange(_MOMENTS, device=facts.device) / (_MOMENTS - 1)
        near = (1 - (when[..., None] - moments).abs() * (_MOMENTS - 1)).clamp_min(0)
        struck = (strength[..., None] * near).flatten(-2)  # (B, C, 1 + frames, kinds * moments)
        frames = self.config.frames
        out = []
        for frame in range(1, 1 + frames):
            before = [struck[:, :, max(frame - k, 0)] * (frame >= k) for k in range(1 + frames)]
            out.append(torch.cat([*before, facts[:, :, frame]], -1))
        return torch.stack(out, 2)


class Canvases(nn.Module):
    """The look of a flat world: canvases that prompts mix, fetched at the quarters of cells."""

    def __init__(self, text: int) -> None:
        super().__init__()
        self.paint = nn.Parameter(torch.randn(_CANVASES, _CANVAS_DEPTH, *_CANVAS) * 0.3)
        self.choose = nn.Linear(text, _CANVASES)
        self.depth = 4 * _CANVAS_DEPTH

    def forward(self, view: View, text: Tensor, every: int) -> Tensor:
        """`view` of B * C chunks of `every` frames, the first of which is left out; `text`
        (B, C, text) -> features (B * C, frames * depth, h, w)."""
        weights = self.choose(text).flatten(0, 1)
        canvas = torch.einsum("bk,kdhw->bdhw", weights, self.paint)
        place = _quarters(view.place[:, 0].unflatten(0, (-1, every))[:, 1:])
        grid = place.flatten(1, 2)  # (B C, frames * 2 h, 2 w, 2)
        seen = F.grid_sample(canvas, grid, padding_mode="border", align_corners=False)
        seen = seen.unflatten(2, (every - 1, -1)).transpose(1, 2)  # (B C, frames, D, 2h, 2w)
        return F.pixel_unshuffle(seen, 2).flatten(1, 2)


class Textures(nn.Module):
    """The look of a world with depth: a texture for each kind of surface, at several levels."""

    def __init__(self, count: int) -> None:
        super().__init__()
        shape = (count, _TEXTURE_DEPTH, _TEXELS, _TEXELS)
        self.paint = nn.Parameter(torch.randn(shape) * 0.3)
        self.depth = 4 * _TEXTURE_DEPTH

    def forward(self, view: View, text: Tensor, every: int) -> Tensor:
        """As `Canvases`."""
        assert view.texture is not None
        assert view.sharp is not None
        sizes = [_TEXELS >> k for k in range(_LEVELS)]
        levels: list[Tensor] = []
        level: Tensor = self.paint
        for _ in sizes:
            levels.append(level.permute(0, 2, 3, 1).reshape(-1, _TEXTURE_DEPTH))
            level = F.avg_pool2d(level, 2)
        count = len(self.paint)
        first = [sum(count * s * s for s in sizes[:k]) for k in range(_LEVELS)]
        device = self.paint.device
        part = slice(1, None)
        place = view.place.unflatten(0, (-1, every))[:, part]
        number = view.texture.unflatten(0, (-1, every))[:, part]
        coarse = torch.log2(torch.tensor(128 / _TEXELS, device=device))
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
            torch.cat(levels),
            per_sample_weights=torch.stack(weight, -1).flatten(0, -2),
            mode="sum",
        )
        seen = seen.view(*number.shape, _TEXTURE_DEPTH)  # (B C, frames, 4, h, w, D)
        return seen.movedim(-1, 3).flatten(1, 3)


def _quarters(place: Tensor) -> Tensor:
    """Middles of cells (..., h, w, 2) of a flat view -> middles of their quarters
    (..., 2h, 2w, 2)."""
    x, y = place[..., 0, :, 0], place[..., :, 0, 1]
    offsets = torch.tensor([-0.25, 0.25], device=place.device)
    x = (x[..., None] + (x[..., 1:2] - x[..., :1])[..., None] * offsets).flatten(-2)
    y = (y[..., None] + (y[..., 1:2] - y[..., :1])[..., None] * offsets).flatten(-2)
    wide, high = x.shape[-1], y.shape[-1]
    return torch.stack(
        [
            x[..., None, :].expand(*x.shape[:-1], high, wide),
            y[..., :, None].expand(*y.shape[:-1], high, wide),
        ],
        -1,
    )
