"""To and from LeRobot's datasets."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_episodes import decibels, pictures, write
from PIL import Image as Pillow

from lightcone.model.recordings.exchange import exporter, importer
from lightcone.model.recordings.exchange.importing import Wishes
from lightcone.model.recordings.exchange.lerobot_read import import_lerobot
from lightcone.model.recordings.exchange.lerobot_write import export_lerobot
from lightcone.model.recordings.format import NoRecordings, RecordingFailed
from lightcone.model.recordings.media import PictureWriter
from lightcone.model.recordings.scan import scan

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_an_export_comes_back_as_it_was(tmp_path: Path) -> None:
    for name, frames in (("a", 31), ("b", 12)):
        write(tmp_path / "in", name, frames=frames, seed=frames, names=("health", "ammo"))
    assert exporter.main(["lerobot", str(tmp_path / "in"), "--out", str(tmp_path / "set")]) == 0
    assert importer.main(["lerobot", str(tmp_path / "set"), "--out", str(tmp_path / "back")]) == 0
    before, after = scan(tmp_path / "in").episodes, scan(tmp_path / "back", whole=True).episodes
    assert len(before) == len(after) == 2
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.actions, other.actions)
        np.testing.assert_array_equal(one.state, other.state)  # type: ignore[arg-type]
        np.testing.assert_array_equal(one.sound(), other.sound())  # type: ignore[arg-type]
        assert decibels(one.frames(), other.frames()) > 40
        assert other.meta.info == one.meta.info
        assert (other.meta.seed, other.meta.ended) == (one.meta.seed, True)


def test_an_export_has_the_layout_of_version_3(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "in", name, frames=10, names=("health",))
    root = tmp_path / "set"
    export_lerobot(scan(tmp_path / "in"), root)
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_frames"], info["fps"]) == ("v3.0", 20, 24)
    assert info["features"]["action"]["names"] == ["left", "jump", "turn"]
    data = parquet.read_table(root / "data/chunk-000/file-000.parquet")
    assert data.column_names == [k for k in info["features"] if not k.startswith("observation.im")]
    assert data.schema.field("action").type == pa.list_(pa.float32(), 3)
    assert data.schema.field("observation.state").type == pa.float32()
    rows = parquet.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(r["dataset_from_index"], r["dataset_to_index"]) for r in rows] == [(0, 10), (10, 20)]
    assert rows[1]["videos/observation.images.screen/file_index"] == 1
    tasks = parquet.read_table(root / "meta/tasks.parquet")
    assert tasks.to_pylist() == [{"task_index": 0, "task": "Meadow"}]
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    stats = json.loads((root / "meta/stats.json").read_text())
    assert np.array(stats["observation.images.screen"]["mean"]).shape == (3, 1, 1)
    with pytest.raises(RecordingFailed, match="exists: take another --out"):
        export_lerobot(scan(tmp_path / "in"), root)


def table(frames: int, index: int, **more: Any) -> Any:
    steps = np.arange(frames)
    return pa.table(
        {
            "action": [[float(i % 2), 0.5 * i - 1] for i in steps],
            "observation.state": [[float(i)] for i in steps],
            "frame_index": steps,
            "episode_index": np.full(frames, index),
            "task_index": (steps >= 4).astype(int),
            **more,
        }
    )


def info_of(version: str, **more: Any) -> dict[str, Any]:
    return {
        "codebase_version": version,
        "fps": 24,
        "chunks_size": 1000,
        "features": {
            "observation.images.wrist": {"dtype": "video", "shape": [48, 64, 3]},
            "action": {
                "dtype": "float32", "shape": [2], "names": {"motors": ["w", "shoulder pan"]}
            },
            "observation.state": {"dtype": "float32", "shape": [1], "names": None},
        },
    } | more  # fmt: skip


def video(path: Path, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PictureWriter(path, 64, 48, 24)
    for picture in pictures(frames):
        writer.write(picture)
    writer.close()


def lines(path: Path, *rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def version_2(root: Path) -> None:
    """Of two episodes, the second with a video that is too short."""
    data, videos = "data/chunk-{episode_chunk:03d}/e_{episode_index:06d}.parquet", "v/{video_key}"
    videos += "/chunk-{episode_chunk:03d}/e_{episode_index:06d}.mp4"
    lines(root / "meta/info.json", info_of("v2.1", data_path=data, video_path=videos))
    lines(root / "meta/tasks.jsonl", *({"task_index": i, "task": t} for i, t in enumerate("ab")))
    lines(root / "meta/episodes.jsonl", *({"episode_index": i, "length": 8} for i in range(2)))
    (root / "data/chunk-000").mkdir(parents=True)
    for i, frames in ((0, 8), (1, 3)):
        parquet.write_table(table(8, i), root / f"data/chunk-000/e_{i:06d}.parquet")
        video(root / f"v/observation.images.wrist/chunk-000/e_{i:06d}.mp4", frames)


def test_version_2_is_imported(tmp_path: Path) -> None:
    version_2(tmp_path / "robot")
    imported = import_lerobot(tmp_path / "robot", tmp_path / "out", Wishes("arm", (32, 24)))
    assert imported.episodes == 1
    assert [each.reason for each in imported.left_out] == ["its video has 3 of 8 frames"]
    [episode] = scan(tmp_path / "out", whole=True).episodes
    info = episode.meta.info
    assert (info.name, info.width, info.height, info.sample_rate) == ("arm", 32, 24, None)
    assert [(b.name, b.keys) for b in info.buttons] == [("w", ("KeyW",))]
    assert [(a.name, a.low, a.high, a.mouse) for a in info.axes] == [
        ("shoulder_pan", -1.0, 2.5, "x")
    ]
    np.testing.assert_array_equal(episode.actions[:, 1], 0.5 * np.arange(8) - 1)
    np.testing.assert_array_equal(episode.state, np.arange(8)[:, None])  # type: ignore[arg-type]
    assert episode.meta.state == ("state",)
    assert episode.meta.text == ((0, "a"), (4, "b"))


def test_version_3_with_episodes_in_one_file_is_imported(tmp_path: Path) -> None:
    root, camera = tmp_path / "robot", "observation.images.wrist"
    paths = {"data_path": "data/f-{chunk_index}-{file_index}.parquet"}
    paths["video_path"] = "v/{video_key}/{chunk_index}-{file_index}.mp4"
    lines(root / "meta/info.json", info_of("v3.0", **paths))
    (root / "data").mkdir()
    both = pa.concat_tables([table(8, 0), table(5, 1)])
    parquet.write_table(both, root / "data/f-0-0.parquet")
    video(root / "v" / camera / "0-0.mp4", 13)
    rows = [
        {
            "episode_index": i, "length": n, "data/chunk_index": 0, "data/file_index": 0,
            f"videos/{camera}/chunk_index": 0, f"videos/{camera}/file_index": 0,
            f"videos/{camera}/from_timestamp": start / 24,
        }
        for i, n, start in ((0, 8, 0), (1, 5, 8))
    ]  # fmt: skip
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), root / "meta/episodes/chunk-000/f.parquet")
    named = pa.table({"task_index": [0, 1], "__index_level_0__": ["a", "b"]})
    parquet.write_table(named, root / "meta/tasks.parquet")

    assert import_lerobot(root, tmp_path / "out", Wishes("")).episodes == 2
    first, second = scan(tmp_path / "out", whole=True).episodes
    assert (len(first), len(second), first.meta.info.name) == (8, 5, "robot")
    assert decibels(first.frames(), pictures(13)[:8]) > 36
    assert decibels(second.frames(), pictures(13)[8:]) > 36
    assert second.meta.text == ((0, "a"), (4, "b"))


def test_pictures_in_the_table_are_imported(tmp_path: Path) -> None:
    version_2(tmp_path / "robot")
    features = info_of("v2.1")["features"]
    features["observation.images.wrist"]["dtype"] = "image"
    path = tmp_path / "robot/meta/info.json"
    lines(path, json.loads(path.read_text()) | {"features": features})
    cells = []
    for picture in pictures(8):
        file = io.BytesIO()
        Pillow.fromarray(picture).save(file, "png")
        cells.append({"bytes": file.getvalue(), "path": "x.png"})
    for i in range(2):
        data = table(8, i, **{"observation.images.wrist": cells})
        parquet.write_table(data, tmp_path / f"robot/data/chunk-000/e_{i:06d}.parquet")
    assert import_lerobot(tmp_path / "robot", tmp_path / "out", Wishes("")).episodes == 2
    assert decibels(scan(tmp_path / "out").episodes[0].frames(), pictures(8)) > 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codebase_version": "v1.6"}, "is a LeRobotDataset v1.6, not v2.1 or v3.0"),
        ({"fps": 29.97}, "has 29.97 frames a second, which is no whole number"),
        ({"features": {}}, "has no pictures"),
        ({"data_path": "nowhere.parquet"}, "is a damaged LeRobotDataset"),
    ],
)
def test_what_is_no_dataset_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    version_2(tmp_path / "robot")
    path = tmp_path / "robot/meta/info.json"
    lines(path, json.loads(path.read_text()) | change)
    with pytest.raises(NoRecordings, match=message):
        import_lerobot(tmp_path / "robot", tmp_path / "out", Wishes(""))


def test_a_camera_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version_2(tmp_path / "robot")
    flags = ["lerobot", str(tmp_path / "robot"), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        importer.main([*flags, "--camera", "front"])
    assert "has no camera 'front' (known: observation.images.wrist)" in capsys.readouterr().err
