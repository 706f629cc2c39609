"""The rolling set of a session's snapshots, kept outside its worker's life."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Kept(NamedTuple):
    """A snapshot (`model.runtime.snapshot` bytes) and the world frame that comes next in it."""

    world_frame: int
    snapshot: bytes


class RollingSnapshots:
    """Those of the last `history_s` seconds of world time, the newest last."""

    def __init__(self, fps: int, history_s: float) -> None:
        self._frames = round(history_s * fps)
        self._kept: deque[Kept] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def newest(self) -> Kept | None:
        return self._kept[-1] if self._kept else None

    def add(self, world_frame: int, snapshot: bytes) -> None:
        """What is older than the history before it is forgotten, but for the newest of these,
        from which the whole history can be reached."""
        self.go_back(world_frame - 1)
        self._kept.append(Kept(world_frame, snapshot))
        oldest = world_frame - self._frames
        while len(self._kept) > 1 and self._kept[1].world_frame <= oldest:
            self._kept.popleft()

    def go_back(self, world_frame: int) -> None:
        """The session went back to this frame: what comes after it never was."""
        while self._kept and self._kept[-1].world_frame > world_frame:
            self._kept.pop()

    def at(self, world_frame: int) -> Kept | None:
        """The newest at or before this frame; None before the oldest."""
        found = (kept for kept in reversed(self._kept) if kept.world_frame <= world_frame)
        return next(found, None)

    def take_over(self, others: RollingSnapshots) -> None:
        """Older ones, of the session that this one is forked from."""
        first = self._kept[0].world_frame
        older = [kept for kept in others._kept if kept.world_frame < first]
        self._kept.extendleft(reversed(older))

    def clear(self) -> None:
        self._kept.clear()
