"""Records what somebody plays, while it is played.

Whoever steps a session hands over each chunk and forgets it: a thread of its own encodes and
writes. Where that cannot keep up, the recording ends with what was taken; where it fails, the
episode at hand is lost. The session goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
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
    """A chunk or a part of one, the inputs (frames, controls) that made it, and all prompts before
    it as one: the text that its frames have from the first on."""

    chunk: Chunk
    actions: Actions
    text: str = ""


class SessionRecorder:
    """Writes the episodes of one session below `folder`, named `name` and a number.

    An episode has a seed where it was recorded from its start.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        info: WorldInfo,
        *,
        source: str = "",
        licence: str = "",
        consent: str = "",
        most_waiting: int = WAITING,
    ) -> None:
        self._folder, self._name = folder, name
        self._meta = EpisodeMeta(
            info=replace(info, name=recorded_name(info.name)),
            frames=0,
            source=source or f"{info.name}, played by {PERSON}",
            licence=licence,
            consent=consent,
        )
        self._waiting: Queue[Played | None] = Queue(most_waiting)
        self._writer: EpisodeWriter | None = None
        self._text = ""  # that holds in the episode at hand
        self._written = 0
        self._next: int | None = None  # the world frame that follows
        self._over = False  # nothing more is taken
        self._failed = False  # of the thread
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, played: Played) -> None:
        """Never blocks, never raises."""
        if self._over:
            return
        try:
            self._waiting.put_nowait(played)
        except Full:
            self._stop("the disk or the encoder does not keep up")

    def close(self) -> None:
        """Waits until all that was taken is written. The last episode is whole after this."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (played := self._waiting.get()) is not None:
            if not self._failed:
                self._try(partial(self._write, played))
        self._try(partial(self._end, ended=False))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is: the thread has to empty the queue
            self._failed = True
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.abandon()
            named = isinstance(error, RecordingFailed)
            self._stop(str(error) if named else f"{type(error).__name__}: {error}")

    def _write(self, played: Played) -> None:
        chunk, starts = played.chunk, played.chunk.starts
        if self._next is not None and chunk.first_frame != self._next:
            self._end(ended=False)  # the session was rewound
        self._next = chunk.end_frame
        if starts is None:
            self._append(played, 0, len(chunk.frames), None)
            return
        cut = starts.frame - chunk.first_frame
        self._append(played, 0, cut, None)
        self._end(ended=True)
        self._append(played, cut, len(chunk.frames), starts.seed)

    def _append(self, played: Played, start: int, stop: int, seed: int | None) -> None:
        if start == stop:
            return
        chunk, info = played.chunk, self._meta.info
        if self._writer is None:
            name = f"{self._name}-{self._written:06d}"
            self._writer = EpisodeWriter(self._folder, name, replace(self._meta, seed=seed))
            self._text = ""
        if played.text != self._text:
            self._writer.text(played.text)
            self._text = played.text
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

    def _stop(self, reason: str) -> None:
        if not self._over:
            self._over = True
            log.error("the recording of %s ends: %s", self._name, reason)


def _as_long(sound: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Where a frame is no whole number of samples, an episode that began in the midst of a session
    may count one sample more or less than the session."""
    return np.pad(sound, (0, max(samples - len(sound), 0)), mode="edge")[:samples]
