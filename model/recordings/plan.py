"""Which episodes a run records, in which order, however many processes there are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """Asks for the episode with this number, of at most so many frames."""

    index: int
    most: int


class Plan:
    """Which episodes make up a run: from number 0 on, of `most` frames at most, until their frames
    are `wanted` exactly. For that the last one is recorded anew where it is too long, and what is
    beyond it is given up."""

    def __init__(self, wanted: int, most: int) -> None:
        self._wanted, self._most = wanted, most
        self._done: dict[int, int] = {}  # frames by number
        self._ordered: set[int] = set()  # that are not whole yet
        self._ever_ordered: set[int] = set()

    @property
    def finished(self) -> bool:
        return self._counted()[0] == self._wanted

    def take(self, index: int, frames: int) -> None:
        """An episode is whole."""
        self._ordered.discard(index)
        self._done[index] = frames
        counted, after = self._counted()
        if counted > self._wanted:
            del self._done[after - 1]

    def order(self) -> Order | None:
        """What a process that is free should record; None where all that is known to be missing is
        being recorded."""
        counted, index = self._counted()
        if counted == self._wanted:
            return None
        most = min(self._wanted - counted, self._most)
        while index in self._ordered or index in self._done:
            index, most = index + 1, self._most  # what is left for it is not known yet
        self._ordered.add(index)
        self._ever_ordered.add(index)
        return Order(index, most)

    def beyond(self) -> list[int]:
        """Numbers that were ordered, but that the finished run does not need."""
        after = self._counted()[1]
        return sorted(index for index in self._ever_ordered if index >= after)

    def _counted(self) -> tuple[int, int]:
        """Frames of the episodes without a gap that suffice, and the number after them."""
        frames = index = 0
        while index in self._done and frames < self._wanted:
            frames += self._done[index]
            index += 1
        return frames, index
