"""Where training reads play from: a folder of recordings, or one that `lightcone data pack` made.

A packed folder needs numpy alone; recordings as they were made need PyAV to be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions, ModelError, WorldInfo
from lightcone.model.recordings.packed import INDEX, open_packed

BLOCK = 64  # frames decoded at a time


class TrainingError(ModelError):
    """Recordings or settings that no training can be made of."""


class Played(Protocol):
    """One episode: a recorded or a packed one."""

    def __len__(self) -> int: ...

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]: ...

    def sound(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32] | None: ...

    @property
    def actions(self) -> Actions: ...

    @property
    def state(self) -> NDArray[np.float32] | None: ...


@dataclass(frozen=True)
class Source:
    """Episodes of one world, in the order in which they were played."""

    info: WorldInfo
    numbers: tuple[str, ...]  # names of the columns of `Played.state`
    episodes: Sequence[Played]
    columns: Sequence[Sequence[int]]  # of each episode's own state, in the order of `numbers`
    texts: Sequence[tuple[tuple[int, str], ...]]  # of each episode: (frame from which, text)
    digest: str  # of everything that is there
    summary: str

    @property
    def frames(self) -> int:
        return sum(map(len, self.episodes))

    @property
    def hours(self) -> float:
        return self.frames / self.info.fps / 3600

    def state(self, episode: int) -> NDArray[np.float32] | None:
        """(frames, numbers) of an episode."""
        state = self.episodes[episode].state
        return None if state is None else np.asarray(state)[:, self.columns[episode]]


def open_source(folder: Path) -> Source:
    """Raises NoRecordings, MixedRecordings and BrokenEpisode."""
    if (folder / INDEX).exists():
        packed = open_packed(folder)
        return Source(
            packed.info,
            packed.state,
            packed.episodes,
            [range(len(packed.state))] * len(packed.episodes),
            [episode.text for episode in packed.episodes],
            _digest(episode.digest for episode in packed.episodes),
            f"{folder}: {len(packed.episodes)} episodes, {packed.seconds / 60:.1f} minutes",
        )
    from lightcone.model.recordings.scan import scan

    found = scan(folder)
    info, numbers = found.world(), found.state()
    return Source(
        info,
        numbers,
        found.episodes,
        [[e.meta.state.index(name) for name in numbers] for e in found.episodes],
        [e.meta.text for e in found.episodes],
        _digest(e.meta.digest for e in found.episodes),
        found.summary(),
    )


def _digest(names: Iterator[str]) -> str:
    return blake2b("\n".join(names).encode(), digest_size=16).hexdigest()
