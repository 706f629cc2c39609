"""Reads pictures of simulated worlds: where things are, how many of each, and the attributes of
appearance that a prompt names.

It learns from the simulator alone. It is the parser of trajectories and the probe of prompts when
generated worlds are judged, and reads the facts of a picture from which a session starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.picture import to_signed
from lightcone.model.families.staged.definition import WORLDS, definition
from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.families.staged.reading.readable import (
    Positions,
    Readable,
    camera_of,
    court_positions,
    pond_positions,
    readable,
)
from lightcone.model.interface import WeightsError
from lightcone.model.runtime.checkpoint import load_module

COUNTS = 3  # none, one, more
_FINE, _MIDDLE, _COARSE = 48, 72, 80  # widths at a fourth, an eighth and a sixteenth
_NEAR = 2  # cells around the likeliest one from which a place is averaged
_HIDDEN = 80


@dataclass(frozen=True)
class Reading:
    """What N pictures of one world show.

    `heat` (N, things, h, w): logits of the cell in which each thing's middle lies; `points`
    (N, things, 2): where that is, x to the right and y down, 0 to 1; `counts` (N, things, COUNTS)
    logits; `facts` (N,) of each fact that is not a position; `attributes` (N, words) logits of
    each attribute.
    """

    world: Readable
    heat: Tensor
    points: Tensor
    counts: Tensor
    facts: dict[str, Tensor]
    attributes: dict[str, Tensor]

    def exactly_one(self, thing: str) -> Tensor:
        """Is there exactly one of it? (N,) bool."""
        return self.counts[:, self.world.things.index(thing)].argmax(-1) == 1

    def positions(self, wide: bool) -> Positions:
        """Of things in the world; `wide` where the camera is known to show everything, else it
        is read too."""
        return self.world.in_world(self.points, None if wide else camera_of(self.facts))

    def known_facts(self, player: str = "", rival: str | None = None) -> dict[str, Tensor]:
        """All facts of the world that a picture shows, by their names, each (N,). On a court,
        `player` and `rival` are the colours of their shirts."""
        if not self.world.things:
            return {}
        at = self.positions(wide=False)
        if "person" in at:
            return {**self.facts, **pond_positions(at, self.facts["lean"])}
        known = {n: v for n, v in self.facts.items() if self.world.facts[n] is None}
        for who, shirt in (("player", player), ("rival", rival)):
            for name, thing in self.world.facts.items():
                if thing is not None and thing == shirt:
                    known[name.replace(shirt, who, 1)] = self.facts[name]
        return {**known, **court_positions(at, player, rival)}

    def values(self) -> dict[str, Tensor]:
        """The likeliest word of each attribute, (N,) long."""
        return {name: logits.argmax(-1) for name, logits in self.attributes.items()}


class Reader(nn.Module):
    """One trunk for all worlds, a head for each."""

    def __init__(self, worlds: Sequence[str] = WORLDS) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(48, _FINE, 3, padding=1))
        self.fine = _Residual(_FINE)
        self.down = nn.Conv2d(_FINE, _MIDDLE, 3, stride=2, padding=1)
        self.middle = nn.Sequential(_Residual(_MIDDLE), _Residual(_MIDDLE))
        self.deep = nn.Conv2d(_MIDDLE, _COARSE, 3, stride=2, padding=1)
        self.coarse = _Residual(_COARSE)
        self.rise = nn.Conv2d(_COARSE, _MIDDLE, 1)
        self.rise_again = nn.Conv2d(_MIDDLE, _FINE, 1)
        self.join = nn.Conv2d(_FINE, _FINE, 3, padding=1)
        self.heads = nn.ModuleDict({world: _Head(world) for world in worlds})

    def forward(self, pictures: Mapping[str, Tensor]) -> dict[str, Reading]:
        """Pictures (N, 3, 96, 128) of each world, uint8, or already from -1 to 1."""
        parts = list(pictures.values())
        x = torch.cat([to_signed(p) if p.dtype == torch.uint8 else p for p in parts])
        x = x.contiguous(memory_format=torch.channels_last)
        fine = self.fine(self.stem(x))
        middle = self.middle(self.down(F.silu(fine)))
        coarse = self.coarse(self.deep(F.silu(middle)))
        middle = middle + F.interpolate(self.rise(F.silu(coarse)), scale_factor=2.0)
        fine = fine + F.interpolate(self.rise_again(F.silu(middle)), scale_factor=2.0)
        fine = F.silu(self.join(F.silu(fine)))
        middle, coarse = F.silu(middle), F.silu(coarse)
        whole = torch.cat([middle.mean((2, 3)), middle.amax((2, 3)), coarse.mean((2, 3))], 1)
        sizes = [len(p) for p in parts]
        split = zip(pictures, fine.split(sizes), whole.split(sizes), strict=True)
        return {world: self.heads[world](cells, pooled) for world, cells, pooled in split}

    @torch.inference_mode()
    def read(self, world: str, pictures: Tensor, block: int = 64) -> Reading:
        """Of one world: `pictures` (N, 3, H, W) uint8, 4 to 3, in blocks that bound memory. They
        are read at the size that the reader learned."""
        parts = [self({world: _scaled(part)})[world] for part in pictures.split(block)]
        first = parts[0]

        def joined(name: str) -> dict[str, Tensor]:
            return {
                k: torch.cat([getattr(p, name)[k] for p in parts]) for k in getattr(first, name)
            }

        return Reading(
            first.world,
            torch.cat([p.heat for p in parts]),
            torch.cat([p.points for p in parts]),
            torch.cat([p.counts for p in parts]),
            joined("facts"),
            joined("attributes"),
        )


def _scaled(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 -> (N, 3, 96, 128), uint8, or from -1 to 1 where they were larger."""
    size = DEFAULT_SIZE
    if pictures.shape[-2:] == (size.height, size.width):
        return pictures
    return F.interpolate(to_signed(pictures), (size.height, size.width), mode="area")


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return out


class _Head(nn.Module):
    """One world's: a map of where each thing is, and what the features there and over the whole
    picture show."""

    def __init__(self, world: str) -> None:
        super().__init__()
        r = self.readable = readable(world)
        words = definition(world).words
        self.sizes = [len(words[name]) for name in r.attributes]
        things = len(r.things)
        self.heat = nn.Conv2d(_FINE, max(2 * things, 1), 1)
        pooled = 2 * _MIDDLE + _COARSE + things * (_FINE + 3)
        self.hidden = nn.Linear(pooled, _HIDDEN)
        # The name of this module is that of the shipped weights.
        self.told = nn.Linear(_HIDDEN, things * COUNTS + len(r.facts) + sum(self.sizes))

    def forward(self, cells: Tensor, whole: Tensor) -> Reading:
        """`cells` (N, width, h, w), `whole` (N, values)."""
        r, things = self.readable, len(self.readable.things)
        heat, there = self.heat(cells)[:, : 2 * things].float().chunk(2, 1)
        if things:
            weight = heat.flatten(2).softmax(-1)
            at = torch.einsum("nkp,ncp->nkc", weight.to(cells.dtype), cells.flatten(2))
            many = there.sigmoid().sum((2, 3)) / 4
            points = _place(heat)
            notes = [at.flatten(1), many, points.detach().flatten(1)]
            whole = torch.cat([whole, *(note.to(whole.dtype) for note in notes)], 1)
        else:
            points = whole.new_zeros(len(whole), 0, 2)
        out = self.told(F.silu(self.hidden(whole))).float()
        counts, facts, words = out.split([things * COUNTS, len(r.facts), sum(self.sizes)], 1)
        return Reading(
            r,
            heat,
            points,
            counts.view(len(counts), things, COUNTS),
            dict(zip(r.facts, facts.unbind(1), strict=True)),
            dict(zip(r.attributes, words.split(self.sizes, 1), strict=True)),
        )


def _place(heat: Tensor) -> Tensor:
    """The mean place (N, K, 2) around the likeliest cell of maps of logits (N, K, h, w)."""
    h, w = heat.shape[-2:]
    best = heat.detach().flatten(2).argmax(-1)
    row, column = best // w, best % w
    rows = torch.arange(h, device=heat.device)
    columns = torch.arange(w, device=heat.device)
    near = ((rows[:, None] - row[..., None, None]).abs() <= _NEAR) & (
        (columns - column[..., None, None]).abs() <= _NEAR
    )
    weight = heat.masked_fill(~near, -torch.inf).flatten(2).softmax(-1).view_as(heat)
    x = (weight.sum(2) * (columns + 0.5)).sum(-1) / w
    y = (weight.sum(3) * (rows + 0.5)).sum(-1) / h
    return torch.stack([x, y], -1)


def load_reader(path: Path) -> Reader:
    """Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(
            f"no reader in {path}: python -m lightcone.model.training.reader makes one"
        )
    reader = Reader()
    load_module(reader, path, "ema")
    return reader.eval().requires_grad_(False)
