"""What an agent does next. Pure: the same seed makes the same moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Protocol

import numpy as np

from lightcone.client.messages import How

HOWS: tuple[How, ...] = ("cut", "blend", "recache")


@dataclass(frozen=True)
class Hold:
    """Hold and move this for so many seconds."""

    seconds: float
    buttons: tuple[str, ...] = ()
    axes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Say:
    """A prompt."""

    text: str
    how: How


@dataclass(frozen=True)
class GoBack:
    """So many seconds of world time."""

    seconds: float


@dataclass(frozen=True)
class RunBack:
    """Backwards for so many seconds of real time."""

    seconds: float


@dataclass(frozen=True)
class Save:
    """A snapshot, downloaded and forgotten."""


Move = Hold | Say | GoBack | RunBack | Save


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Ranged(Named, Protocol):
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class Playable(Protocol):
    """What agents need to know of a world."""

    @property
    def controls(self) -> Sequence[Named]: ...
    @property
    def axes(self) -> Sequence[Ranged]: ...
    @property
    def words(self) -> Sequence[str]: ...


def random_moves(world: Playable, seed: int) -> Iterator[Move]:
    """Any buttons and strengths for 0.1 to 0.8 s; now and then a word, a rewind, a snapshot."""
    random = np.random.default_rng(seed)
    kinds = ("hold", "say" if world.words else "hold", "go back", "run back", "save")
    while True:
        match kinds[random.choice(len(kinds), p=[0.9, 0.05, 0.02, 0.01, 0.02])]:
            case "say":
                yield Say(str(random.choice(list(world.words))), HOWS[random.integers(len(HOWS))])
            case "go back":
                yield GoBack(float(random.uniform(0.5, 2.0)))
            case "run back":
                yield RunBack(float(random.uniform(0.5, 2.0)))
            case "save":
                yield Save()
            case _:
                buttons = tuple(c.name for c in world.controls if random.random() < 0.3)
                axes = {a.name: float(random.uniform(a.low, a.high)) for a in world.axes}
                yield Hold(float(random.uniform(0.1, 0.8)), buttons, axes)


def scripted_moves(world: Playable, seed: int) -> Iterator[Move]:
    """Every button in turn, every axis to both ends, a word, a snapshot, back, and again; `seed`
    is the word that it begins with."""
    words = cycle(world.words) if world.words else None
    hows = cycle(HOWS)
    for _ in range(seed % max(len(world.words), 1)):
        if words is not None:
            next(words)
    while True:
        for control in world.controls:
            yield Hold(0.5, (control.name,))
        for axis in world.axes:
            yield Hold(0.3, (), {axis.name: axis.low})
            yield Hold(0.3, (), {axis.name: axis.high})
        yield Hold(0.5)
        if words is not None:
            yield Say(next(words), next(hows))
            yield Hold(1.0)
        yield Save()
        yield RunBack(0.5)
        yield GoBack(1.0)
        yield Hold(0.5)


AGENTS = {"random": random_moves, "scripted": scripted_moves}
