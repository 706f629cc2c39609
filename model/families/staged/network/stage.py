"""What the transformer gets of each world: its facts and its prompt as features of latent cells.

What the facts put where (`geometry.py` of each world) has nothing to learn; what is there looks as
learned (`model/families/staged/network/surfaces.py`), in the light of facts and prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.learnable import (
    Learnable,
    learnable,
)
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.network.surfaces import (
    Canvases,
    Sprites,
    Textures,
)
from lightcone.model.families.staged.view import View


@dataclass(frozen=True)
class Scene:
    """The facts of C chunks of B states, as features.

    `condition` (B, C, width) for all tokens, `sound` (B, C, frames, width) for those of sound,
    `maps` (B * C, maps, h, w) for the cells, `surfaces` (B * C, depth, h, w) what the surfaces
    that are seen would look like by themselves, `contacts` (B, C, frames, sound_values) what the
    contacts would sound like by themselves, `text` (B, C, text) the prompt, and `busy`
    (B, C, h, w): 1 where something moves in any of the chunk's frames.
    """

    condition: Tensor
    sound: Tensor
    maps: Tensor
    surfaces: Tensor
    contacts: Tensor
    text: Tensor
    busy: Tensor

    @staticmethod
    def cat(parts: list[Scene]) -> Scene:
        """Worlds of several kinds, one after the other."""
        names = ("condition", "sound", "maps", "surfaces", "contacts", "text", "busy")
        return Scene(**{n: torch.cat([getattr(p, n) for p in parts]) for n in names})

    def to(self, dtype: torch.dtype) -> Scene:
        if self.condition.dtype == dtype:
            return self
        return Scene(**{name: value.to(dtype) for name, value in vars(self).items()})

    def chunk(self, i: int) -> Scene:
        """Chunk `i` of C, its axis kept."""
        now = slice(i, i + 1)
        batch, chunks = self.condition.shape[:2]
        maps, surfaces = (x.unflatten(0, (batch, chunks))[:, i] for x in (self.maps, self.surfaces))
        return Scene(
            self.condition[:, now],
            self.sound[:, now],
            maps,
            surfaces,
            self.contacts[:, now],
            self.text[:, now],
            self.busy[:, now],
        )


class Stage(nn.Module):
    """The scene of one world, from facts (B, C, 1 + frames, COUNT), of the frame before each
    chunk and of its own, and prompts (B, C, text)."""

    moments: Tensor

    def __init__(self, world: str, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.world: Learnable = learnable(world)
        facts = self.world.facts
        self.geometry = self.world.geometry(c.size)
        contacts = (facts.CONTACTS_AT.stop - facts.CONTACTS_AT.start) // 2
        struck = (1 + c.frames) * contacts * self.world.moments
        moments = torch.arange(self.world.moments).float()
        self.register_buffer("moments", moments, persistent=False)
        # Names of modules are those of the shipped weights: `told` embeds facts, `heard` contacts
        # for the sound tokens, `rings` makes latents of contacts directly.
        self.told = nn.Linear((1 + c.frames) * facts.COUNT, c.width)
        self.heard = nn.Linear(struck + facts.COUNT, c.width)
        self.rings = nn.Linear(struck, c.sound_values, bias=False)
        nn.init.zeros_(self.rings.weight)
        self.surfaces: Canvases | Textures
        if self.world.textures:
            self.surfaces = Textures(self.world.textures, c.size)
        else:
            self.surfaces = Canvases(c.text, c.size)
        self.sprites: Sprites | None = None
        parts = 3
        if self.world.things:
            self.sprites = Sprites(self.world.things, facts.COUNT, c.text, c.size)
            self.figure = nn.Conv2d(c.frames * self.sprites.depth, c.maps, 1)
            parts = 4
        self.narrow = nn.Conv2d(1 + c.frames * self.world.maps, 2 * c.maps, 1)
        self.shine = nn.Conv2d(2 * c.maps, c.maps, 1)
        self.fetched = nn.Conv2d(c.frames * self.surfaces.depth, c.maps, 1)
        self.tint = nn.Linear(c.text, 6 * c.maps)
        self.mix = nn.Conv2d(parts * c.maps, c.maps, 1)
        self.plain = nn.Conv2d((parts - 2) * c.maps, c.depth, 1)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.tint.weight)
        nn.init.zeros_(self.tint.bias)

    @property
    def paint(self) -> list[nn.Parameter]:
        """Canvases, textures and sprites."""
        parts = [self.surfaces.paint]
        return parts if self.sprites is None else [*parts, self.sprites.paint]

    def forward(self, facts: Tensor, text: Tensor) -> Scene:
        batch, chunks = facts.shape[:2]
        with torch.autocast(facts.device.type, enabled=False):
            view: View = self.geometry(facts.flatten(0, 2))
        every = 1 + self.config.frames
        maps = view.maps.unflatten(0, (batch * chunks, every))
        busy = view.busy.unflatten(0, (batch * chunks, every))
        known = torch.cat([busy[:, :1], maps[:, 1:].flatten(1, 2)], 1)
        tint = self.tint(text).flatten(0, 1)[..., None, None].chunk(3, 1)
        there = F.silu(self.narrow(known))  # (B C, 2 maps, h, w)
        shape, light = there.chunk(2, 1)
        surface = self.fetched(self.surfaces(view, text, every))
        shown = [_tinted(surface * (1 + self.shine(there)), tint[0])]
        if self.sprites is not None:
            assert view.things is not None
            near = view.things.unflatten(0, (batch * chunks, every))[:, 1:]
            seen = self.sprites(near, facts[:, :, 1:].flatten(0, 1), text.flatten(0, 1))
            shown.append(_tinted(self.figure(seen), tint[1]))
        mixed = self.mix(torch.cat([light, _tinted(shape, tint[2]), *shown], 1))
        struck = self.struck(facts)
        return Scene(
            self.told(facts.flatten(2)),
            self.heard(torch.cat([struck, facts[:, :, 1:]], -1)),
            mixed,
            self.plain(torch.cat(shown, 1)),
            self.rings(struck),
            text,
            busy[:, 1:].amax(1).unflatten(0, (batch, chunks)),
        )

    def struck(self, facts: Tensor) -> Tensor:
        """How hard contacts up to each frame struck at each moment of theirs: (B, C, frames,
        values). What one sounds like is all but linear in them."""
        strength, when = facts[..., self.world.facts.CONTACTS_AT].chunk(2, -1)
        at = (when * self.world.moments).round()[..., None] == self.moments
        return _so_far((strength[..., None] * at).flatten(-2))


def _so_far(x: Tensor) -> Tensor:
    """Values of the frame before each chunk and of its own, (B, C, 1 + frames, n) -> for each of
    its own those of it, of the one before, and so on, 0 where that is too long ago: (B, C,
    frames, (1 + frames) * n)."""
    every = x.shape[2]
    rows = [
        torch.cat([x[:, :, frame - k] if k <= frame else 0 * x[:, :, 0] for k in range(every)], -1)
        for frame in range(1, every)
    ]
    return torch.stack(rows, 2)


def _tinted(x: Tensor, by: Tensor) -> Tensor:
    """(N, maps, h, w), scaled and shifted by (N, 2 maps, 1, 1)."""
    scale, shift = by.chunk(2, 1)
    return torch.addcmul(x + shift, x, scale)
