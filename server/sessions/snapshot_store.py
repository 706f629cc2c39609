"""Snapshots that are kept as files: saved ones, uploaded ones, and those of sessions that ended
because nobody was there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lightcone.model.interface import SnapshotError
from lightcone.model.runtime.snapshot import unpack
from lightcone.server.errors import LightconeError
from lightcone.server.telemetry.logs import get_logger

MOST_FILES = 128
MOST_BYTES = 2 * 1024**3  # of all together
SUFFIX = ".lightcone"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

log = get_logger("lightcone.snapshots")


class StorageError(LightconeError):
    """Nothing can be written: the disk is full, or the folder is not to be written to."""

    outward = "no snapshot can be written or read now"


@dataclass(frozen=True)
class StoredSnapshot:
    """`created` is Unix time."""

    id: str
    world: str
    fingerprint: str
    world_frame: int
    bytes: int
    created: float


class SnapshotStore:
    """A folder of snapshots, of which the oldest go where there are too many. Files are read and
    written in threads."""

    def __init__(
        self, folder: Path, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder = folder
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._stored: dict[str, StoredSnapshot] = {}  # the oldest first
        self._writing = asyncio.Lock()

    def __iter__(self) -> Iterator[StoredSnapshot]:
        return iter(self._stored.values())

    def get(self, snapshot_id: str) -> StoredSnapshot | None:
        return self._stored.get(snapshot_id)

    async def open(self) -> None:
        """Find what an earlier server has left; files that are no snapshots are passed over."""
        found = await asyncio.to_thread(lambda: list(_read_folder(self._folder)))
        self._stored = {each.id: each for each in sorted(found, key=lambda each: each.created)}

    async def keep(self, snapshot: bytes) -> StoredSnapshot:
        """Raises SnapshotError for bytes that are no snapshot, and StorageError."""
        async with self._writing:
            stored = await asyncio.to_thread(self._write, snapshot)
            self._stored[stored.id] = stored
            await self._make_room(stored)
        return stored

    async def read(self, stored: StoredSnapshot) -> bytes:
        """Raises StorageError where the file is gone."""
        try:
            return await asyncio.to_thread(self.path(stored).read_bytes)
        except OSError as error:
            raise StorageError(f"snapshot {stored.id} can not be read: {error.strerror}") from error

    async def file(self, stored: StoredSnapshot) -> Path:
        """Of a snapshot. Raises StorageError where it is gone."""
        path = self.path(stored)
        if not await asyncio.to_thread(path.is_file):
            raise StorageError(f"{path} is gone")
        return path

    async def delete(self, stored: StoredSnapshot) -> None:
        """Does nothing for one that is gone already."""
        if self._stored.pop(stored.id, None) is not None:
            await asyncio.to_thread(self._unlink, stored)

    def path(self, stored: StoredSnapshot) -> Path:
        return self._folder / (stored.id + SUFFIX)

    def _write(self, snapshot: bytes) -> StoredSnapshot:
        snapshot_id = secrets.token_urlsafe(12)
        partial = self._folder / (snapshot_id + ".part")
        whole = self._folder / (snapshot_id + SUFFIX)
        unpack(snapshot)  # what can not be read is not kept
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(snapshot)
            partial.replace(whole)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            text = f"the snapshot can not be kept in {self._folder}: {error.strerror or error}"
            raise StorageError(text) from error
        return _describe(whole, snapshot)

    async def _make_room(self, newest: StoredSnapshot) -> None:
        while len(self._stored) > 1 and (
            len(self._stored) > self._most_files
            or sum(each.bytes for each in self) > self._most_bytes
        ):
            oldest = next(each for each in self if each is not newest)
            log.info("a snapshot is forgotten: there are too many", snapshot=oldest.id)
            await self.delete(oldest)

    def _unlink(self, stored: StoredSnapshot) -> None:
        with contextlib.suppress(OSError):
            self.path(stored).unlink()


def _read_folder(folder: Path) -> Iterator[StoredSnapshot]:
    try:
        files = sorted(folder.glob(f"*{SUFFIX}"))
    except OSError:
        return
    for file in files:
        if _ID.fullmatch(file.stem):
            try:
                yield _describe(file, file.read_bytes())
            except (OSError, SnapshotError) as error:
                log.warning("a file is passed over", file=str(file), reason=str(error))


def _describe(file: Path, data: bytes) -> StoredSnapshot:
    """Raises SnapshotError and OSError."""
    snapshot = unpack(data)
    created = os.stat(file).st_mtime
    return StoredSnapshot(
        id=file.stem,
        world=snapshot.world,
        fingerprint=snapshot.fingerprint,
        world_frame=snapshot.frame,
        bytes=len(data),
        created=created,
    )
