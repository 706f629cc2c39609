"""Orders: what a player is asked to do for a while, and whether pictures show that it was done."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor

from lightcone.model.evaluation.measures import (
    corridors,
    pond,
)
from lightcone.model.evaluation.parse import (
    shirts_of,
    tracks,
)
from lightcone.model.evaluation.scenes import actions_of
from lightcone.model.families.staged.court.constants import PLAYER_MARGIN, WIDTH
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.reading.readable import (
    Positions,
    readable,
)
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.simulators.pond import physics
from lightcone.model.simulators.pond.physics import PondState


class Orders(Protocol):
    """Of one kind of world. An order takes `length` frames; those in `looks` are looked at."""

    @property
    def length(self) -> int: ...

    @property
    def looks(self) -> tuple[int, ...]: ...

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Orders (count,), long."""
        ...

    def actions(self, orders: Tensor) -> Tensor:
        """(count, length, controls)."""
        ...

    def obeyed(self, states: Any, facts: Tensor, pictures: Tensor, orders: Tensor) -> Tensor:
        """(count,) 0 or 1, or NaN where nobody could tell, from states (count,) of the worlds'
        beginning, the facts (count, COUNT) before, the pictures (count, looks, 3, H, W) and the
        orders."""
        ...


class CourtOrders:
    """Left, stay or right for a second: the player has to move, or stay, in its second half; at
    a wall, staying there obeys. Now and then he is asked to jump or throw besides."""

    length, looks = 24, (12, 23)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(12, (count,), generator=generator)

    def actions(self, orders: Tensor) -> Tensor:
        way, besides = (orders % 3)[:, None], orders // 3
        early = (torch.arange(self.length) < 3)[None]
        return actions_of(
            "court", len(orders), self.length,
            left=(way == 0).float(), right=(way == 2).float(),
            jump=((besides == 1)[:, None] & early).float(),
            shoot=((besides == 2)[:, None] & early).float(),
        )  # fmt: skip

    def obeyed(self, states: Any, facts: Tensor, pictures: Tensor, orders: Tensor) -> Tensor:
        shirts = shirts_of(states[:, None])
        found = tracks(self._reader, "court", pictures, shirts)["player"][0]
        before, after = found.unbind(1)
        moved, way = after - before, orders % 3
        left_end, right_end = PLAYER_MARGIN + 0.05, WIDTH - PLAYER_MARGIN - 0.05
        right = (moved > 0.12) | (after > right_end)
        left = (moved < -0.12) | (after < left_end)
        stay = moved.abs() < 0.06
        return torch.where(way == 2, right, torch.where(way == 0, left, stay))


class PondOrders:
    """Left, nothing or right for a second and a half. The simulator, from the same facts before,
    gives where person and board are after each of them: where they are seen has to be nearest to
    what was asked, or all but as near. An order that changes little (against a bank, in the air)
    is not counted. That they are there at all is another measure."""

    length, looks = 36, (35,)
    _ORDERS = 3
    _CHANGES = 0.08  # picture heights, person and board together
    _AS_NEAR = 0.02

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(self._ORDERS, (count,), generator=generator)

    def actions(self, orders: Tensor) -> Tensor:
        left, right = ((orders == way).float()[:, None] for way in (0, 2))
        return actions_of("pond", len(orders), self.length, left=left, right=right)

    def obeyed(self, states: Any, facts: Tensor, pictures: Tensor, orders: Tensor) -> Tensor:
        places = self._reader.read("pond", pictures[:, 0]).positions(wide=True)
        seen, right = along(places), torch.zeros(len(orders))
        sane = pond.possible(facts)
        before = pond.state_of(facts[sane], states[sane])
        right[sane] = self.nearest(before, seen[sane], orders[sane])
        return right

    def nearest(self, before: PondState, seen: Tensor, orders: Tensor) -> Tensor:
        """As `obeyed`, from the state before and where person and board are seen along x in the
        end, (count, 2)."""
        count = len(orders)
        every = torch.arange(self._ORDERS).repeat(count)
        ends = self._end(before[torch.arange(count).repeat_interleave(self._ORDERS)], every)
        expected = ends.view(count, self._ORDERS, 2)
        error = (expected - seen[:, None]).abs().sum(2)
        asked = error.gather(1, orders[:, None])[:, 0]
        other = torch.arange(self._ORDERS) != orders[:, None]
        away = (expected - expected[torch.arange(count), orders][:, None]).abs().sum(2)
        counts = away.masked_fill(~other, math.inf).amin(1) > self._CHANGES
        return torch.where(counts, (asked <= error.amin(1) + self._AS_NEAR).float(), torch.nan)

    def _end(self, state: PondState, orders: Tensor) -> Tensor:
        """Where person and board are along x after an order: (count, 2), NaN where laws lead
        nowhere from such a state."""
        where = readable("pond").where
        ends = torch.full((len(orders), 2), math.nan)
        here = torch.arange(len(orders))
        for held in self.actions(orders)[:, : self.looks[0] + 1].unbind(1):
            state, _ = physics.advance(state, held[here])
            going = along(where(state)).isfinite().all(1)
            going &= state.surface.isfinite().all(1) & state.py.isfinite()
            state, here = state[going], here[going]
        ends[here] = along(where(state))
        return ends


def along(places: Positions) -> Tensor:
    """Person and board along x: (N, 2)."""
    return torch.stack([places[thing][0] for thing in ("person", "board")], 1)


class CorridorsOrders:
    """One of seven motions for half a second, then a rest. The simulator, from the same facts
    before, gives the picture after each of them: the one that was asked has to be the nearest,
    or all but as near, by the measure of how far the others are. An order that changes nothing
    (walking against a wall, say) is not counted."""

    length, looks = 24, (11,)
    _MOTIONS = (
        "forward", "back", "strafe_left", "strafe_right", "turn_left", "turn_right", None
    )  # fmt: skip
    _HELD = 12  # frames
    _AS_NEAR = 0.1

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(self._MOTIONS), (count,), generator=generator)

    def actions(self, orders: Tensor) -> Tensor:
        early = (torch.arange(self.length) < self._HELD).float()[None]
        held = {
            name: (orders == k)[:, None] * early
            for k, name in enumerate(self._MOTIONS)
            if name is not None
        }
        return actions_of("corridors", len(orders), self.length, **held)

    def obeyed(self, states: Any, facts: Tensor, pictures: Tensor, orders: Tensor) -> Tensor:
        before = corridors.state_of(facts, states)
        errors, changes = [], []
        rest = len(self._MOTIONS) - 1
        size = PictureSize(pictures.shape[-2])
        idle = corridors.drawn(corridors.continued(before, self._held(orders, rest)), size)
        for k in range(len(self._MOTIONS)):
            seen = corridors.drawn(corridors.continued(before, self._held(orders, k)), size)
            errors.append(_difference(seen, pictures[:, 0]))
            changes.append(_difference(seen, idle))
        error = torch.stack(errors, 1)
        asked, least = error.gather(1, orders[:, None])[:, 0], error.amin(1)
        near = asked - least <= self._AS_NEAR * (error.median(1).values - least) + 1.0
        changed = torch.stack(changes, 1).gather(1, orders[:, None])[:, 0] > 1.0
        counts = changed | (orders == rest)
        return torch.where(counts, near.float(), torch.nan)

    def _held(self, orders: Tensor, motion: int) -> Tensor:
        return self.actions(torch.full_like(orders, motion))[:, : self._HELD]


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """Mean square of levels between pictures (N, 3, H, W): (N,)."""
    return (a.float() - b.float()).square().mean((1, 2, 3))


def orders_of(world: str, reader: Reader) -> Orders:
    if world == "corridors":
        return CorridorsOrders()
    return CourtOrders(reader) if world == "court" else PondOrders(reader)
