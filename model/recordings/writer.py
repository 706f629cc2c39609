"""Writes an episode, which appears under its name only when it is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b, file_digest
from importlib import metadata
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.player import Box
from lightcone.model.interface import Actions
from lightcone.model.recordings.format import (
    ACTIONS,
    LABELS,
    META,
    PART,
    PICTURE,
    SOUND,
    STATE,
    BrokenEpisode,
    EpisodeMeta,
    FileRecord,
    RecordingFailed,
)
from lightcone.model.recordings.media import FULL_SCALE, PictureWriter, SoundWriter, to_16_bits

FloatRows = NDArray[np.float32]


class EpisodeWriter:
    """A context manager: where its body raises, nothing is left behind.

    `meta` says what is known beforehand; frames, kinds, peak, files, creation and version are
    filled in.
    With columns in `meta.state` every frame has a row of the state. Raises RecordingFailed where
    the disk does not take it, ValueError for what does not fit `meta.info`.
    """

    def __init__(self, folder: Path, name: str, meta: EpisodeMeta) -> None:
        self.path = folder / name
        self._part = folder / (name + PART)
        self._meta = meta
        self._frames = 0
        self._peak = 0
        self._actions: list[Actions] = []
        self._state: list[FloatRows] = []
        self._labels: list[tuple[float, ...]] = []
        self._kinds: dict[str, int] = {}
        self._text: list[tuple[int, str]] = list(meta.text)
        self._picture: PictureWriter | None = None
        self._sound: SoundWriter | None = None
        info = meta.info
        with self._writing():
            shutil.rmtree(self._part, ignore_errors=True)  # of a process that was killed
            self._part.mkdir(parents=True)
            self._picture = PictureWriter(self._part / PICTURE, info.width, info.height, info.fps)
            if info.sample_rate is not None:
                self._sound = SoundWriter(self._part / SOUND, info.sample_rate)

    @property
    def frames(self) -> int:
        return self._frames

    def write(
        self,
        frames: NDArray[np.uint8],
        sound: NDArray[np.float32] | None,
        actions: Actions,
        state: FloatRows | None = None,
        boxes: Sequence[Sequence[Box]] = (),
    ) -> None:
        """Append frames (F, H, W, 3), their sound (samples,), actions (F, controls), state
        (F, numbers) and, where it is known, the boxes of each frame."""
        info, count = self._meta.info, len(frames)
        _fits("frames", frames, (count, info.height, info.width, 3))
        _fits("actions", actions, (count, info.controls))
        samples = info.samples(self._frames, count)
        if self._meta.state:
            _fits("state", state, (count, len(self._meta.state)))
            self._state.append(np.array(state, np.float32))
        for i, frame in enumerate(boxes):
            self._labels += [self._label(self._frames + i, box) for box in frame]
        with self._writing():
            if self._sound is not None:
                _fits("sound", sound, (samples,))
                assert sound is not None
                exact = to_16_bits(sound)
                self._peak = max(self._peak, int(np.abs(exact.astype(np.int32)).max(initial=0)))
                self._sound.write(exact)
            assert self._picture is not None
            for picture in frames:
                self._picture.write(picture)
        self._actions.append(np.array(actions, np.float32))
        self._frames += count

    def text(self, text: str) -> None:
        """Holds from the next frame on."""
        self._text = [each for each in self._text if each[0] < self._frames]
        self._text.append((self._frames, text))

    def close(self, *, ended: bool = False) -> Path:
        """Make it whole, and return where it is. Raises RecordingFailed, and BrokenEpisode without
        frames."""
        if not self._frames:
            self.abandon()
            raise BrokenEpisode(f"{self.path}: an episode without frames is not kept")
        with self._writing():
            for writer in (self._picture, self._sound):
                if writer is not None:
                    writer.close()
            self._picture = self._sound = None
            np.save(self._part / ACTIONS, np.concatenate(self._actions))
            if self._state:
                np.save(self._part / STATE, np.concatenate(self._state))
            if self._labels:
                np.save(self._part / LABELS, np.array(self._labels, np.float32))
            whole = replace(
                self._meta,
                frames=self._frames,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                lightcone=_version(),
                text=tuple(self._text),
                kinds=tuple(self._kinds),
                ended=ended,
                peak=self._peak / FULL_SCALE,
                files={p.name: _record(p) for p in sorted(self._part.iterdir())},
            )
            with (self._part / META).open("w") as file:
                json.dump(whole.to_json(), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            shutil.rmtree(self.path, ignore_errors=True)
            self._part.rename(self.path)
        return self.path

    def abandon(self) -> None:
        """Leave nothing behind. Never raises."""
        for writer in (self._picture, self._sound):
            if writer is not None:
                writer.abandon()
        self._picture = self._sound = None
        shutil.rmtree(self._part, ignore_errors=True)

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._part.exists():
            self.abandon()

    def _label(self, frame: int, box: Box) -> tuple[float, ...]:
        kind = self._kinds.setdefault(f"{box.category}/{box.kind}", len(self._kinds))
        return (frame, kind, box.thing, box.left, box.top, box.width, box.height)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            self.abandon()
            reason = getattr(error, "strerror", None) or error
            raise RecordingFailed(f"{self.path} cannot be written: {reason}") from error
        except ValueError:
            self.abandon()
            raise


def _record(path: Path) -> FileRecord:
    with path.open("r+b") as file:
        digest = file_digest(file, lambda: blake2b(digest_size=16))
        os.fsync(file.fileno())
        return FileRecord(file.tell(), digest.hexdigest())


def _fits(what: str, array: NDArray[np.generic] | None, shape: Sequence[int]) -> None:
    found = None if array is None else array.shape
    if array is None or found != tuple(shape):
        raise ValueError(f"{what} of shape {found}, where {tuple(shape)} is needed")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{what} are not all numbers")


def _version() -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("lightcone")
    return ""
