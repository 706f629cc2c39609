"""Exports recordings as a LeRobotDataset v3.0 (github.com/huggingface/lerobot).

Episodes' videos are copied, not encoded again, one file each, with the sound as a FLAC stream
beside the picture: the format has no sound of its own yet. What it has no place for, such as keys
and seeds, is in `meta/lightcone.json`, so that an import gives back the same recordings.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import ModelError, WorldInfo
from lightcone.model.recordings.exchange.arrow import arrow, parquet
from lightcone.model.recordings.format import PART, PICTURE, SOUND, RecordingFailed
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import Recordings

CODEBASE_VERSION = "v3.0"
SCREEN, ACTION, STATE = "observation.images.screen", "action", "observation.state"
OWN = "meta/lightcone.json"
CHUNK_FILES = 1000  # in a folder
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
TASKS = "meta/tasks.parquet"
_SAMPLED = 100  # pictures that statistics are made of


def export_lerobot(recordings: Recordings, out: Path) -> None:
    """Write the dataset into the new folder `out`. Raises NoRecordings, MixedRecordings,
    BrokenEpisode, and RecordingFailed where it cannot be written."""
    info = recordings.world()
    if not info.controls:
        raise ModelError(f"'{info.name}' has no controls, which LeRobot needs")
    if out.exists():
        raise RecordingFailed(f"{out} exists: take another --out")
    part = out.with_name(out.name + PART)
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(recordings, info, part)
        part.rename(out)
    except (OSError, av.FFmpegError) as error:
        raise RecordingFailed(f"{out} cannot be written: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(recordings: Recordings, info: WorldInfo, root: Path) -> None:
    pa = arrow()
    state, tasks = recordings.state(), _tasks(recordings, info)
    features = _features(info, state)
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (root / folder).mkdir(parents=True)
    columns: dict[str, list[Any]] = {name: [] for name in features if name != SCREEN}
    rows, at = [], 0
    for number, episode in enumerate(recordings.episodes):
        chunk, file = divmod(number, CHUNK_FILES)
        path = root / VIDEO.format(video_key=SCREEN, chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        _copy_video(episode, path)
        count = len(episode)
        task = _task_of_frames(episode, tasks, info)
        numbers = {
            ACTION: np.asarray(episode.actions),
            "timestamp": np.arange(count, dtype=np.float32) / info.fps,
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": np.arange(at, at + count),
            "task_index": task,
        }
        if state and episode.state is not None:
            order = [episode.meta.state.index(name) for name in state]
            numbers[STATE] = np.asarray(episode.state)[:, order]
        for name, values in numbers.items():
            columns[name].append(values)
        rows.append(
            {
                "episode_index": number,
                "tasks": [tasks[i] for i in dict.fromkeys(task.tolist())],
                "length": count,
                "data/chunk_index": 0,
                "data/file_index": 0,
                "dataset_from_index": at,
                "dataset_to_index": at + count,
                f"videos/{SCREEN}/chunk_index": chunk,
                f"videos/{SCREEN}/file_index": file,
                f"videos/{SCREEN}/from_timestamp": 0.0,
                f"videos/{SCREEN}/to_timestamp": count / info.fps,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        at += count
    whole = {name: np.concatenate(values) for name, values in columns.items()}
    table = pa.table({name: _column(values) for name, values in whole.items()})
    parquet().write_table(table, root / DATA.format(chunk_index=0, file_index=0))
    parquet().write_table(pa.Table.from_pylist(rows), root / EPISODES)
    parquet().write_table(_tasks_table(tasks), root / TASKS)
    stats = {name: _stats(values) for name, values in whole.items()}
    stats[SCREEN] = _picture_stats(recordings.episodes)
    _json(root / "meta/stats.json", stats)
    _json(root / "meta/info.json", _info(recordings, info, features, len(tasks)))
    metas = [replace(e.meta, files={}).to_json() for e in recordings.episodes]
    _json(root / OWN, {"episodes": metas})


def _features(info: WorldInfo, state: Sequence[str]) -> dict[str, Any]:
    video = {
        "video.height": info.height,
        "video.width": info.width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv444p",
        "video.is_depth_map": False,
        "video.fps": info.fps,
        "video.channels": 3,
        "has_audio": info.sample_rate is not None,
    }
    if info.sample_rate is not None:
        video |= {
            "audio.channels": 1,
            "audio.codec": "flac",
            "audio.sample_rate": info.sample_rate,
            "audio.bit_depth": 16,
            "audio.channel_layout": "mono",
        }
    names = [each.name for each in info.buttons] + [axis.name for axis in info.axes]
    numbers = {STATE: _vector(list(state))} if state else {}
    return {
        SCREEN: {
            "dtype": "video",
            "shape": [info.height, info.width, 3],
            "names": ["height", "width", "channels"],
            "info": video,
        },
        ACTION: _vector(names),
        **numbers,
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **{
            name: {"dtype": "int64", "shape": [1], "names": None}
            for name in ("frame_index", "episode_index", "index", "task_index")
        },
    }


def _vector(names: list[str]) -> dict[str, Any]:
    return {"dtype": "float32", "shape": [len(names)], "names": names}


def _info(
    recordings: Recordings, info: WorldInfo, features: dict[str, Any], tasks: int
) -> dict[str, Any]:
    return {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": None,
        "total_episodes": len(recordings.episodes),
        "total_frames": recordings.frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": info.fps,
        "splits": {"train": f"0:{len(recordings.episodes)}"},
        "data_path": DATA,
        "video_path": VIDEO,
        "features": features,
    }


def _tasks(recordings: Recordings, info: WorldInfo) -> list[str]:
    """All texts; where an episode has none, the world's title."""
    texts = [t for e in recordings.episodes for _, t in ((0, info.title), *e.meta.text)]
    return list(dict.fromkeys(texts))


def _task_of_frames(episode: Episode, tasks: list[str], info: WorldInfo) -> NDArray[np.int64]:
    out = np.full(len(episode), tasks.index(info.title), np.int64)
    for frame, text in episode.meta.text:
        out[frame:] = tasks.index(text)
    return out


def _tasks_table(tasks: list[str]) -> Any:
    """As pandas writes a frame whose index are the texts."""
    index = [
        {
            "name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy,
            "metadata": None,
        }
        for name, kind, numpy in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]  # fmt: skip
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": index}
    table = arrow().table({"task_index": np.arange(len(tasks)), "task": tasks})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _column(values: NDArray[Any]) -> Any:
    pa = arrow()
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.reshape(-1))
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _stats(values: NDArray[Any]) -> dict[str, Any]:
    rows = values.reshape(len(values), -1).astype(np.float64)
    return {
        "min": rows.min(0).tolist(),
        "max": rows.max(0).tolist(),
        "mean": rows.mean(0).tolist(),
        "std": rows.std(0).tolist(),
        "count": [len(rows)],
    }


def _picture_stats(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Of some pictures, by channel, as (3, 1, 1) between 0 and 1."""
    step = max(sum(map(len, episodes)) // _SAMPLED, 1)
    picked = [e.frames(i, i + 1)[0] for e in episodes for i in range(0, len(e), step)]
    stats = _stats(np.concatenate([each.reshape(-1, 3) for each in picked]) / 255)
    shaped = {name: [[[value]] for value in stats[name]] for name in ("min", "max", "mean", "std")}
    return {**shaped, "count": [len(picked)]}


def _copy_video(episode: Episode, path: Path) -> None:
    """The episode's picture and sound as they are, in one file."""
    with av.open(str(path), "w", format="mp4") as out:
        sources = [av.open(str(episode.path / PICTURE))]
        if episode.meta.info.sample_rate is not None:
            sources.append(av.open(str(episode.path / SOUND)))
        try:
            packets = []
            for source in sources:
                stream = source.streams[0]
                copy = out.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is not None:
                        packet.stream = copy
                        packets.append(packet)
            packets.sort(key=lambda packet: float((packet.dts or 0) * (packet.time_base or 0)))
            for packet in packets:
                out.mux(packet)
        finally:
            for source in sources:
                source.close()


def _json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1))
