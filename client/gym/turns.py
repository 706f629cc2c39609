"""What an environment asks of a world, whether it runs here or on a server, and what it makes of
the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lightcone.client.gym.spaces import Observation, WorldSpaces

RESTART_OPTIONS = ("prompt", "snapshot")


@dataclass(frozen=True)
class Begin:
    """The world from its beginning, and the first step of it with nothing held. `options` may have
    a `prompt`, and on a server the id of a `snapshot` to begin with."""

    seed: int
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Act:
    """A step in which this is held and moved."""

    buttons: Sequence[str]
    axes: Mapping[str, float]


Turn = Begin | Act
Shown = tuple[Observation, dict[str, Any]]
"""The observation after a turn, and what else is known of it."""


class Rows(Protocol):
    """A number of runs of one world."""

    @property
    def spaces(self) -> WorldSpaces: ...

    @property
    def deterministic(self) -> bool:
        """Whether equal seeds and actions show the same."""
        ...

    def advance(self, turns: Mapping[int, Turn]) -> dict[int, Shown]:
        """One turn of each of these runs, by number, at once. A run's first turn is a Begin."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Transition:
    """One step, for who judges it: what was seen before and after it, and its `info`."""

    before: Observation
    action: Any
    after: Observation
    info: Mapping[str, Any]


Judge = Callable[[Transition], tuple[float, bool]]
"""Returns the reward of a step, and whether the episode ends with it."""


def unjudged(transition: Transition) -> tuple[float, bool]:
    """No reward, no end."""
    return 0.0, False


class Episode:
    """One run's steps since it began, judged; it is truncated after `max_steps`."""

    def __init__(self, judge: Judge, max_steps: int | None, seen: Observation) -> None:
        self._judge = judge
        self._left = max_steps
        self._seen = seen

    def step(self, action: Any, shown: Shown) -> tuple[float, bool, bool]:
        """The reward, and whether the episode is terminated and truncated."""
        observation, info = shown
        reward, terminated = self._judge(Transition(self._seen, action, observation, info))
        self._seen = observation
        if self._left is not None:
            self._left -= 1
        return float(reward), bool(terminated), self._left is not None and self._left <= 0
