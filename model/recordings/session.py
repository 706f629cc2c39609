"""Records what somebody plays, while it is played.

Whoever steps an environment's session hands over each chunk and forgets it: a thread of its own
encodes and writes. Where that fails, or cannot keep up, the episode at hand is lost and the session
goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Full, Queue

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions, Chunk, WorldInfo
from lightcone.model.recordings.format import EpisodeMeta, RecordingFailed, recorded_name
from lightcone.model.recordings.writer import EpisodeWriter

WAITING = 256  # chunks that may wait for the disk
PERSON = "person"

log = logging.getLogger("lightcone.recording")


@dataclass(frozen=True)
class Played:
    """A chunk, and the inputs (frames, controls) that made it. `begun` is the index of the frame
    with which another episode began, None where none did."""

    chunk: Chunk
    actions: Actions
    begun: int | None = None


class SessionRecorder:
    """Writes the episodes of one session below `folder`, named `name` and a number.

    `seed_of` gives the environment's seed of an episode by its number in the session, from 0.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        info: WorldInfo,
        seed_of: Callable[[int], int],
        *,
        source: str = "",
        licence: str = "",
        consent: str = "",
    ) -> None:
        self._folder, self._name = folder, name
        self._seed_of = seed_of
        self._meta = EpisodeMeta(
            info=replace(info, name=recorded_name(info.name)),
            frames=0,
            source=source or f"{info.name}, played by {PERSON}",
            licence=licence,
            consent=consent,
        )
        self._waiting: Queue[Played | None] = Queue(WAITING)
        self._writer: EpisodeWriter | None = None
        self._episode = self._written = 0
        self._next: int | None = None  # the world frame that follows
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, played: Played) -> None:
        """Never blocks, never raises."""
        if self._failed:
            return
        try:
            self._waiting.put_nowait(played)
        except Full:
            self._fail("the disk or the encoder does not keep up")

    def close(self) -> None:
        """Waits until all that was taken is written. The last episode is whole after this."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (played := self._waiting.get()) is not None:
            if self._failed:
                continue
            try:
                self._write(played)
            except (RecordingFailed, ValueError) as error:
                self._fail(str(error))
        try:
            self._end(ended=False)
        except RecordingFailed as error:
            self._fail(str(error))

    def _write(self, played: Played) -> None:
        chunk, begun = played.chunk, played.begun
        if self._next is not None and chunk.first_frame != self._next:
            self._end(ended=False)  # the session was rewound
        self._next = chunk.end_frame
        cut = len(chunk.frames) if begun is None else begun
        self._append(played, 0, cut)
        if begun is not None:
            self._end(ended=True)
            self._episode += 1
            self._append(played, cut, len(chunk.frames))

    def _append(self, played: Played, start: int, stop: int) -> None:
        if start == stop:
            return
        chunk, info = played.chunk, self._meta.info
        if self._writer is None:
            name = f"{self._name}-{self._written:06d}"
            meta = replace(self._meta, seed=self._seed_of(self._episode))
            self._writer = EpisodeWriter(self._folder, name, meta)
        sound = None
        if chunk.sound is not None:
            begin = info.samples(chunk.first_frame, start)
            end = begin + info.samples(chunk.first_frame + start, stop - start)
            wanted = info.samples(self._writer.frames, stop - start)
            sound = _as_long(chunk.sound[begin:end], wanted)
        self._writer.write(chunk.frames[start:stop], sound, played.actions[start:stop])

    def _end(self, *, ended: bool) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close(ended=ended)
            self._written += 1

    def _fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            log.error("the recording of %s ends: %s", self._name, reason)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()


def _as_long(sound: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Where a frame is no whole number of samples, an episode that began in the midst of a session
    may count one sample more or less than the session."""
    return np.pad(sound, (0, max(samples - len(sound), 0)), mode="edge")[:samples]
