"""How much somebody may have at once, as quotas say how much in a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from lightcone.server.access.access import Payer
from lightcone.server.errors import LightconeError

T = TypeVar("T")


class TooManyAtOnce(LightconeError):
    """Somebody has as many already."""


class AtOnce(Generic[T]):
    """Counts what each payer has; `there` says whether something of it still is. `most` 0: any
    number. Whoever has no quotas has no limit here either."""

    def __init__(self, what: str, most: int, there: Callable[[T], bool]) -> None:
        self._what, self._most, self._there = what, most, there
        self._held: dict[str, list[T]] = {}
        self._making: dict[str, int] = {}

    @contextmanager
    def place(self, payer: Payer) -> Iterator[Callable[[T], None]]:
        """For one more in the making; what was made is given to the function that this yields.
        Raises TooManyAtOnce."""
        name = payer.name
        held = [each for each in self._held.pop(name, []) if self._there(each)]
        if held:
            self._held[name] = held
        if self._most and payer.limited and len(held) + self._making.get(name, 0) >= self._most:
            raise TooManyAtOnce(f"the quota of {self._what} at once is used up ({self._most})")
        self._making[name] = self._making.get(name, 0) + 1
        try:
            yield lambda made: self._held.setdefault(name, []).append(made)
        finally:
            self._making[name] -= 1
            if not self._making[name]:
                del self._making[name]
