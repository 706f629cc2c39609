"""Moments set up so that one law shows: a ball that drops, a wave on calm water, a way ahead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightcone.model.evaluation.play import Moments
from lightcone.model.evaluation.scenes import (
    at_rest,
    legible,
)
from lightcone.model.families.staged.court.constants import FLOOR
from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.pond.constants import BOARD_HALF, BOARD_THICK
from lightcone.model.simulators.corridors import physics as corridors
from lightcone.model.simulators.corridors import simulator as corridors_simulator
from lightcone.model.simulators.court import simulator as court_simulator
from lightcone.model.simulators.court.state import FREE, Ball
from lightcone.model.simulators.pond import physics as pond
from lightcone.model.simulators.pond import starts as pond_starts
from lightcone.model.simulators.pond import water

_HUMP_FROM, _HUMP_WIDTH, _HUMP_HEIGHT = basin.LEFT + 0.20, 0.055, 0.030
_OPEN_WAY = 3.4  # cells ahead


def _numbers(seeds: Sequence[int], count: int) -> Tensor:
    return torch.stack(
        [torch.rand(count, generator=torch.Generator().manual_seed(s)) for s in seeds]
    )


def _court(seeds: Sequence[int]) -> tuple[Any, Tensor]:
    """Start states of a player alone at rest, and random numbers (B,) for more."""
    numbers = _numbers(seeds, court_simulator.START_NUMBERS + 4)
    s = court_simulator.starts(numbers[:, :-4])
    zero = torch.zeros_like(s.holder)
    player = replace(
        s.player, x=zero + 0.12, y=zero + FLOOR, vx=zero, vy=zero, facing=zero + 1, arms=zero
    )
    alone = replace(s, rivals=zero, holder=zero + FREE, player=player, net=zero, net_speed=zero)
    return legible(alone), numbers[:, -4:]


def dropped_balls(seeds: Sequence[int]) -> Moments:
    """A ball at rest in mid-air, far from player and hoop."""
    s, u = _court(seeds)
    zero = torch.zeros_like(s.holder)
    x = 0.50 + 0.33 * u[:, 0]
    ball = Ball(x, 0.55 + 0.33 * u[:, 1], zero, zero, 6 * u[:, 2])
    return at_rest("court", replace(s, ball=ball))


def runners(seeds: Sequence[int]) -> Moments:
    """The player at the left end, the ball at the right one."""
    s, _ = _court(seeds)
    zero = torch.zeros_like(s.holder)
    ball = Ball(zero + 1.26, zero + FLOOR + 0.042, zero, zero, zero)
    return at_rest("court", replace(s, ball=ball))


def _calm_pond(seeds: Sequence[int], board: float) -> Any:
    """Somebody at rest on a board at x, on calm water without wind."""
    numbers = _numbers(seeds, pond_starts.NUMBERS)
    numbers[:, 0] = 0.1
    s = legible(pond_starts.starts(numbers))
    zero = torch.zeros_like(s.bx)
    flat = torch.zeros_like(s.surface)
    by = zero + basin.LEVEL + BOARD_THICK / 2 - pond.DRAFT_LOADED
    names = (
        "bvx", "bvy", "tilt", "tilt_rate", "pvx", "pvy", "lean", "lean_rate", "stroke", "wind",
        "splash_speed",
    )  # fmt: skip
    return replace(
        s, surface=flat, speed=flat, bx=zero + board, px=zero + board, by=by,
        py=by + BOARD_THICK / 2, aboard=zero + 1, facing=zero + 1,
        **dict.fromkeys(names, zero),
    )  # fmt: skip


def waves(seeds: Sequence[int]) -> tuple[Moments, Moments]:
    """A hump that runs to the right, the board far away; and the same without it."""
    s = _calm_pond(seeds, basin.RIGHT - BOARD_HALF - 0.02)
    far = (basin.middles(s.device) - _HUMP_FROM) / _HUMP_WIDTH
    hump = (_HUMP_HEIGHT * torch.exp(-far.square())).expand_as(s.surface)
    hump = hump - hump.mean(1, keepdim=True)
    (slope,) = torch.gradient(hump, spacing=basin.SPACING, dim=1)
    speed = -water.WAVE_SPEED * slope
    high = replace(s, surface=hump, speed=speed - speed.mean(1, keepdim=True))
    return at_rest("pond", high), at_rest("pond", s)


def paddlers(seeds: Sequence[int]) -> Moments:
    return at_rest("pond", _calm_pond(seeds, basin.LEFT + BOARD_HALF + 0.05))


def falls(seeds: Sequence[int]) -> Moments:
    """Somebody in the air above the water, from a little to far, at rest."""
    s = _calm_pond(seeds, basin.LEFT + BOARD_HALF + 0.05)
    zero = torch.zeros_like(s.bx)
    high = torch.linspace(0.03, 0.33, len(seeds)) if len(seeds) > 1 else zero + 0.2
    x = basin.RIGHT - 0.30 + zero
    return at_rest("pond", replace(s, px=x, py=basin.LEVEL + high, aboard=zero))


def _corridors(seeds: Sequence[int], low: float, high: float) -> Any:
    """Somebody at rest with free way of that many cells ahead; for each seed the first such
    start."""
    found = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        numbers = torch.rand(512, corridors_simulator.START_NUMBERS, generator=generator)
        starts = legible(corridors_simulator.starts(numbers))
        way = corridors.clearance(starts, 0.0, reach=4.0, step=0.1)
        fits = ((way > low) & (way < high)).nonzero()[:, 0]
        found.append(starts[fits[:1]])
    return type(found[0])(**{k: _cat([vars(s)[k] for s in found]) for k in vars(found[0])})


def _cat(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.cat(list(values))
    return type(values[0])(**{k: _cat([vars(v)[k] for v in values]) for k in vars(values[0])})


def open_ways(seeds: Sequence[int]) -> Moments:
    """A long way ahead."""
    return at_rest("corridors", _corridors(seeds, _OPEN_WAY, math.inf))


def near_walls(seeds: Sequence[int]) -> Moments:
    """A wall not far ahead, met head-on or aslant."""
    return at_rest("corridors", _corridors(seeds, 0.6, 1.4))
