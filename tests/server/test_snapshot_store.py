from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lightcone.model.interface import Snapshot, SnapshotError
from lightcone.model.runtime.snapshot import pack
from lightcone.server.sessions.snapshot_store import SnapshotStore, StorageError


def snapshot(frame: int, size: int = 10) -> bytes:
    return pack(Snapshot("probe", "f", frame, {"x": np.zeros(size, np.uint8)}, {}))


async def test_what_is_kept_survives_the_server(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "a" / "b")
    await store.open()
    assert list(store) == []
    kept = await store.keep(snapshot(48))
    assert (kept.world, kept.world_frame, kept.bytes) == ("probe", 48, len(snapshot(48)))
    assert await store.read(kept) == snapshot(48)
    (tmp_path / "a" / "b" / "damaged-file.lightcone").write_bytes(b"LCS1 not one")
    again = SnapshotStore(tmp_path / "a" / "b")
    await again.open()
    assert list(again) == [kept]
    assert again.get(kept.id) == kept
    await again.delete(kept)
    await again.delete(kept)
    assert list(again) == []
    with pytest.raises(StorageError, match="can not be read"):
        await again.read(kept)


async def test_the_oldest_go_where_there_are_too_many(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, most_files=3)
    kept = [await store.keep(snapshot(frame)) for frame in range(5)]
    assert list(store) == kept[2:]
    assert len(os.listdir(tmp_path)) == 3


async def test_the_oldest_go_where_they_are_too_large_and_the_newest_stays(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, most_bytes=3000)
    await store.keep(snapshot(0, 1000))
    await store.keep(snapshot(1, 1000))
    large = await store.keep(snapshot(2, 10_000))
    assert list(store) == [large]


@pytest.mark.parametrize("data", [b"", b"LCS1", snapshot(1)[:-1], b"x" + snapshot(1)])
async def test_what_is_no_snapshot_is_not_kept(tmp_path: Path, data: bytes) -> None:
    store = SnapshotStore(tmp_path)
    with pytest.raises(SnapshotError):
        await store.keep(data)
    assert os.listdir(tmp_path) == []


async def test_where_nothing_can_be_written_the_error_has_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder")
    store = SnapshotStore(folder)
    await store.open()
    with pytest.raises(StorageError, match=f"can not be kept in {folder}"):
        await store.keep(snapshot(1))
    assert os.listdir(tmp_path) == ["file"]
