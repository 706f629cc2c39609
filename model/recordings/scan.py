"""Finds the whole episodes of a folder, and names those that are not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.format import (
    META,
    PART,
    PICTURE,
    BrokenEpisode,
    MixedRecordings,
    NoRecordings,
)
from lightcone.model.recordings.reader import Episode, read_episode

_NAMED = 3  # episodes in a message of one line


@dataclass(frozen=True)
class LeftOut:
    path: Path
    reason: str


@dataclass(frozen=True)
class Recordings:
    """The whole episodes below a folder, in the order of their paths, and what was left out."""

    folder: Path
    episodes: tuple[Episode, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def frames(self) -> int:
        return sum(len(episode) for episode in self.episodes)

    @property
    def seconds(self) -> float:
        """Of world time."""
        return sum(len(episode) / episode.meta.info.fps for episode in self.episodes)

    @property
    def bytes(self) -> int:
        return sum(f.bytes for e in self.episodes for f in e.meta.files.values())

    def world(self) -> WorldInfo:
        """What all episodes have in common. Raises NoRecordings, and MixedRecordings where they
        differ in world, size, rates or controls."""
        if not self.episodes:
            raise NoRecordings(f"{self.folder} holds no whole episode{self._left_out()}")
        for what, of in _EQUAL:
            values = Counter(of(episode.meta.info) for episode in self.episodes)
            if len(values) > 1:
                (most, many), (other, few) = values.most_common()[0], values.most_common()[-1]
                strange = next(e for e in self.episodes if of(e.meta.info) == other)
                raise MixedRecordings(
                    f"recordings of different {what} in {self.folder}: {_text(most)} ({many}) "
                    f"and {_text(other)} ({few}, such as {strange.path.name})"
                )
        return self.episodes[0].meta.info

    def state(self) -> tuple[str, ...]:
        """The numbers that every episode has, in the order of the first."""
        if not self.episodes:
            return ()
        common = set.intersection(*(set(e.meta.state) for e in self.episodes))
        return tuple(name for name in self.episodes[0].meta.state if name in common)

    def summary(self) -> str:
        """One line."""
        minutes = f"{self.seconds / 60:.1f} minutes"
        episodes = f"{len(self.episodes)} episodes, {self.frames} frames, {minutes}"
        return f"{self.folder}: {episodes}, {self.bytes / 1e6:.1f} MB{self._left_out()}"

    def _left_out(self) -> str:
        if not self.left_out:
            return ""
        reasons = [f"{each.path.name}: {each.reason}" for each in self.left_out[:_NAMED]]
        if len(self.left_out) > _NAMED:
            reasons.append("...")
        return f"; {len(self.left_out)} left out ({'; '.join(reasons)})"


def scan(folder: Path, *, whole: bool = False) -> Recordings:
    """All episodes at any depth below `folder`, or `folder` itself. With `whole` every file is
    compared to its digest; without, to its size. Raises NoRecordings where there is no folder."""
    if not folder.is_dir():
        raise NoRecordings(f"there is no folder {folder}")
    episodes: list[Episode] = []
    left_out: list[LeftOut] = []
    for path in _episode_folders(folder):
        try:
            if path.name.endswith(PART):
                raise BrokenEpisode("was not finished")
            episode = read_episode(path)
            episode.check(whole=whole)
            episodes.append(episode)
        except BrokenEpisode as error:
            left_out.append(LeftOut(path, str(error).removeprefix(f"{path}: ")))
    return Recordings(folder, tuple(episodes), tuple(left_out))


def _episode_folders(folder: Path) -> Sequence[Path]:
    found = []
    for path, folders, files in os.walk(folder):
        if META in files or PICTURE in files or path.endswith(PART):
            found.append(Path(path))
            folders.clear()
        folders.sort()
    return found


def _controls(info: WorldInfo) -> tuple[Any, ...]:
    return (*info.buttons, *info.axes)


_EQUAL: tuple[tuple[str, Callable[[WorldInfo], Any]], ...] = (
    ("sizes", lambda info: (info.width, info.height)),
    ("frame rates", lambda info: info.fps),
    ("sample rates", lambda info: info.sample_rate),
    ("controls", _controls),
    ("worlds", lambda info: info.name),
)


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case (int(width), int(height)):
            return f"{width}x{height}"
        case tuple():
            return ", ".join(control.name for control in value) or "none"
    return str(value)
