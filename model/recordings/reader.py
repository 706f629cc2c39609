"""Reads an episode: frames and sound by slices, the rest as arrays."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions
from lightcone.model.recordings.format import (
    ACTIONS,
    LABEL_COLUMNS,
    LABELS,
    PICTURE,
    SOUND,
    STATE,
    BrokenEpisode,
    EpisodeMeta,
    read_meta,
)


class Episode:
    """One episode's folder. Methods raise BrokenEpisode for files that cannot be decoded."""

    def __init__(self, path: Path, meta: EpisodeMeta) -> None:
        self.path = path
        self.meta = meta

    def __len__(self) -> int:
        return self.meta.frames

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """(F, H, W, 3) RGB of the frames from `start` up to `stop`, by default the last."""
        import av

        from lightcone.model.recordings.media import read_pictures

        start, stop, _ = slice(start, stop).indices(self.meta.frames)
        info = self.meta.info
        out = np.empty((max(stop - start, 0), info.height, info.width, 3), np.uint8)
        count = 0
        try:
            for picture in read_pictures(self.path / PICTURE, info.fps, start, stop):
                out[count] = picture
                count += 1
        except (OSError, av.FFmpegError, ValueError, IndexError) as error:
            raise BrokenEpisode(f"{self.path}: {PICTURE} cannot be decoded: {error}") from error
        if count != len(out):
            frames = f"{count} of {len(out)} frames"
            raise BrokenEpisode(f"{self.path}: {PICTURE} has {frames} from {start} to {stop}")
        return out

    def sound(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32] | None:
        """(samples,) of the same frames, None without sound."""
        from lightcone.model.recordings.media import from_16_bits

        info = self.meta.info
        if info.sample_rate is None:
            return None
        start, stop, _ = slice(start, stop).indices(self.meta.frames)
        begin = info.samples(0, start)
        return from_16_bits(self.samples[begin : begin + info.samples(start, stop - start)])

    @cached_property
    def samples(self) -> NDArray[np.int16]:
        """All of the sound, 16 bits."""
        import av

        from lightcone.model.recordings.media import read_sound

        try:
            samples = read_sound(self.path / SOUND)
        except (OSError, av.FFmpegError, IndexError) as error:
            raise BrokenEpisode(f"{self.path}: {SOUND} cannot be decoded: {error}") from error
        wanted = self.meta.info.samples(0, self.meta.frames)
        if len(samples) != wanted:
            raise BrokenEpisode(f"{self.path}: {SOUND} has {len(samples)} of {wanted} samples")
        return samples

    @cached_property
    def actions(self) -> Actions:
        """(frames, controls)."""
        return self._array(ACTIONS, self.meta.info.controls)

    @cached_property
    def state(self) -> NDArray[np.float32] | None:
        """(frames, numbers) by the names of `meta.state`; None without them."""
        return self._array(STATE, len(self.meta.state)) if self.meta.state else None

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        """(boxes, 7): `LABEL_COLUMNS`."""
        if LABELS not in self.meta.files:
            return np.zeros((0, len(LABEL_COLUMNS)), np.float32)
        return self._array(LABELS, len(LABEL_COLUMNS), rows=None)

    def check(self, *, whole: bool = False) -> None:
        """Raises BrokenEpisode unless all files are there in the size they were written, with as
        many rows as frames; with `whole`, unless they are equal to the bit."""
        needed = {PICTURE, ACTIONS}
        if self.meta.info.sample_rate is not None:
            needed.add(SOUND)
        if self.meta.state:
            needed.add(STATE)
        if self.meta.frames < 1:
            raise BrokenEpisode(f"{self.path}: has no frames")
        for name in sorted(needed - set(self.meta.files)):
            raise BrokenEpisode(f"{self.path}: {name} is missing")
        for name, record in self.meta.files.items():
            self._check_file(name, record.bytes, record.digest if whole else None)
        _ = self.actions, self.state, self.labels
        if self.meta.info.sample_rate is not None and not self.meta.peak:
            raise BrokenEpisode(f"{self.path}: is silent, though it says it has sound")

    def _check_file(self, name: str, size: int, digest: str | None) -> None:
        path = self.path / name
        try:
            found = path.stat().st_size
            if found != size:
                raise BrokenEpisode(f"{self.path}: {name} has {found} of {size} bytes")
            if digest is not None:
                with path.open("rb") as file:
                    named = file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
                if named != digest:
                    raise BrokenEpisode(f"{self.path}: {name} was changed")
        except OSError as error:
            raise BrokenEpisode(f"{self.path}: {name} cannot be read: {error.strerror}") from error

    def _array(self, name: str, columns: int, rows: int | None = -1) -> NDArray[np.float32]:
        try:
            array: NDArray[Any] = np.load(self.path / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise BrokenEpisode(f"{self.path}: {name} cannot be read: {error}") from error
        wanted = self.meta.frames if rows == -1 else len(array)
        if array.shape != (wanted, columns) or array.dtype != np.float32:
            what = f"{array.dtype} {array.shape}, not float32 {(wanted, columns)}"
            raise BrokenEpisode(f"{self.path}: {name} is {what}")
        return array


def read_episode(path: Path) -> Episode:
    """Raises BrokenEpisode."""
    try:
        return Episode(path, read_meta(path))
    except BrokenEpisode as error:
        raise BrokenEpisode(f"{path}: {error}") from error
