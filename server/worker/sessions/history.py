"""The moments of a session that can be gone back to, and who holds which state.

States are never changed, so keeping one is keeping a reference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lightcone.model.interface import Image

KEEP_EVERY_S = 1.0  # world time between two moments


@dataclass(frozen=True)
class Moment:
    """A state, all prompts before it as one, and the picture before it (None at the beginning)."""

    state: Any
    prompt: str
    picture: Image | None = None

    @property
    def frame(self) -> int:
        """The world frame that comes next."""
        return int(self.state.frame)


class History:
    """Moments about a second of world time apart, of the last `seconds` of it."""

    def __init__(self, fps: int, seconds: float, moments: Iterable[Moment] = ()) -> None:
        self._fps = fps
        self._seconds = seconds
        self._moments = deque(moments)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self._moments)

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def oldest(self) -> Moment | None:
        return self._moments[0] if self._moments else None

    def wants(self, frame: int) -> bool:
        """Whether the moment before this frame is one to keep."""
        if not self._moments:
            return True
        return frame - self._moments[-1].frame >= KEEP_EVERY_S * self._fps

    def add(self, moment: Moment) -> list[Moment]:
        """Keep a moment that comes after all others. Returns those that have become too old."""
        if self._moments and moment.frame <= self._moments[-1].frame:
            raise ValueError(f"frame {moment.frame} is not after {self._moments[-1].frame}")
        self._moments.append(moment)
        old: list[Moment] = []
        while self._moments[0].frame < moment.frame - self._seconds * self._fps:
            old.append(self._moments.popleft())
        return old

    def at(self, frame: int) -> Moment | None:
        """The newest at or before this frame."""
        return next((moment for moment in reversed(self._moments) if moment.frame <= frame), None)

    def forget_after(self, frame: int) -> list[Moment]:
        """Nothing after this frame has happened. Returns what was kept of it."""
        gone: list[Moment] = []
        while self._moments and self._moments[-1].frame > frame:
            gone.append(self._moments.pop())
        return gone


class Holders:
    """Counts who holds a state, so that a model hears when nobody does any more."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[Any, int]] = {}  # by identity; the state keeps it unique

    def take(self, state: Any) -> None:
        _, count = self._held.get(id(state), (state, 0))
        self._held[id(state)] = (state, count + 1)

    def let_go(self, state: Any) -> bool:
        """Whether that was the last who held it."""
        _, count = self._held[id(state)]
        if count > 1:
            self._held[id(state)] = (state, count - 1)
            return False
        del self._held[id(state)]
        return True
