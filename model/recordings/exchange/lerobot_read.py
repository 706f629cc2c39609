"""Imports LeRobotDatasets v2.1 and v3.0 (github.com/huggingface/lerobot).

One camera becomes the picture, all numbers under `action` become controls, `observation.state` the
state, tasks the text. Columns that are only ever 0 and 1 become buttons, others axes as far as
their values reach. An audio stream in all videos becomes the sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from lightcone.model.interface import Actions, Axis, Image, WorldInfo
from lightcone.model.recordings.exchange.arrow import arrow, parquet
from lightcone.model.recordings.exchange.importing import (
    Imported,
    Wishes,
    frames_at,
    size_of,
    sound_of,
    sound_rate,
)
from lightcone.model.recordings.exchange.keys import buttons_of
from lightcone.model.recordings.exchange.lerobot_write import OWN
from lightcone.model.recordings.format import BrokenEpisode, EpisodeMeta, NoRecordings
from lightcone.model.recordings.media import from_16_bits, scaled
from lightcone.model.recordings.scan import LeftOut
from lightcone.model.recordings.writer import EpisodeWriter

PIECE = 32  # frames
_ACTION, _STATE = "action", "observation.state"


@dataclass(frozen=True)
class _Episode:
    index: int
    length: int
    table: Any  # of pyarrow, its rows
    video: Path | None  # None where the pictures are in the table
    start: float  # seconds, in the video


class _Dataset:
    """What both versions have. Raises NoRecordings for what is no dataset."""

    def __init__(self, root: Path, camera: str) -> None:
        self.root = root
        try:
            info = self.info = json.loads((root / "meta/info.json").read_text())
            self.version = str(info["codebase_version"])
            self.features: dict[str, Any] = info["features"]
            self.fps = int(info["fps"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NoRecordings(f"{root} is no LeRobotDataset: {error}") from error
        if self.version not in ("v2.0", "v2.1", "v3.0"):
            raise NoRecordings(f"{root} is a LeRobotDataset {self.version}, not v2.1 or v3.0")
        if self.fps != float(info["fps"]) or self.fps < 1:
            raise NoRecordings(
                f"{root} has {info['fps']} frames a second, which is no whole number"
            )
        pictures = [k for k, f in self.features.items() if f["dtype"] in ("video", "image")]
        if not pictures:
            raise NoRecordings(f"{root} has no pictures")
        if camera and camera not in pictures:
            raise NoRecordings(f"{root} has no camera '{camera}' (known: {', '.join(pictures)})")
        self.camera = camera or pictures[0]
        keys = [k for k in self.features if k == _ACTION or k.startswith(_ACTION + ".")]
        self.actions = [k for k in keys if _numeric(self.features[k])]
        if not self.actions:
            raise NoRecordings(f"{root} has no numbers under 'action'")
        self.has_state = _STATE in self.features and _numeric(self.features[_STATE])

    def episodes(self) -> Iterator[_Episode]:
        return self._episodes_3() if self.version == "v3.0" else self._episodes_2()

    def tasks(self) -> dict[int, str]:
        if self.version != "v3.0":
            lines = _lines(self.root / "meta/tasks.jsonl")
            return {int(each["task_index"]): str(each["task"]) for each in lines}
        rows = parquet().read_table(self.root / "meta/tasks.parquet").to_pylist()
        return {
            int(row["task_index"]): str(row.get("task", row.get("__index_level_0__", "")))
            for row in rows
        }

    def names(self, keys: Sequence[str]) -> list[str]:
        return [name for key in keys for name in _names(key, self.features[key])]

    def rows(self, episode: _Episode, keys: Sequence[str]) -> NDArray[np.float32]:
        """(frames, numbers) of columns side by side."""
        parts = [
            np.array(episode.table[key].to_pylist(), np.float32).reshape(episode.length, -1)
            for key in keys
        ]
        return np.concatenate(parts, 1)

    def _episodes_2(self) -> Iterator[_Episode]:
        size = int(self.info.get("chunks_size", 1000))
        for each in _lines(self.root / "meta/episodes.jsonl"):
            index = int(each["episode_index"])
            where = {"episode_chunk": index // size, "episode_index": index}
            table = parquet().read_table(self.root / self.info["data_path"].format(**where))
            yield _Episode(index, table.num_rows, table, self._video(where), 0.0)

    def _episodes_3(self) -> Iterator[_Episode]:
        files = sorted((self.root / "meta/episodes").glob("*/*.parquet"))
        read, data = Path(), None
        for each in (row for file in files for row in parquet().read_table(file).to_pylist()):
            index = int(each["episode_index"])
            where = {
                "chunk_index": each["data/chunk_index"], "file_index": each["data/file_index"]
            }  # fmt: skip
            path = self.root / self.info["data_path"].format(**where)
            if path != read:
                read, data = path, parquet().read_table(path)
            assert data is not None
            same = np.asarray(data["episode_index"]) == index
            table = data.filter(arrow().array(same)).sort_by("frame_index")
            prefix = f"videos/{self.camera}/"
            video, start = None, 0.0
            if self.features[self.camera]["dtype"] == "video":
                chunk, file = each[prefix + "chunk_index"], each[prefix + "file_index"]
                video = self._video({"chunk_index": chunk, "file_index": file})
                start = float(each[prefix + "from_timestamp"])
            yield _Episode(index, table.num_rows, table, video, start)

    def _video(self, where: Mapping[str, Any]) -> Path | None:
        if self.features[self.camera]["dtype"] != "video":
            return None
        return self.root / str(self.info["video_path"]).format(video_key=self.camera, **where)


def import_lerobot(root: Path, out: Path, wishes: Wishes, camera: str = "") -> Imported:
    """All episodes, as episodes of `out`. `camera` names the feature that is the picture, by
    default the first. Raises NoRecordings, NoArrow and RecordingFailed."""
    dataset = _Dataset(root, camera)
    try:
        episodes = list(dataset.episodes())
        tasks = dataset.tasks()
    except (OSError, KeyError, TypeError, ValueError, arrow().ArrowException) as error:
        raise NoRecordings(f"{root} is a damaged LeRobotDataset: {error}") from error
    if not episodes:
        raise NoRecordings(f"{root} has no episodes")
    own = _own(root)
    info, order = _info(dataset, episodes, own, wishes)
    written, left_out = 0, []
    for number, episode in enumerate(episodes):
        meta = EpisodeMeta(
            info, 0, f"LeRobotDataset {root.name}", licence=wishes.licence, consent=wishes.consent,
            state=tuple(dataset.names([_STATE])) if dataset.has_state else (),
            text=_texts(episode, tasks),
        )  # fmt: skip
        if own:
            known = own[number]
            meta = replace(known, info=info, frames=0, files={}, state=meta.state)
        name = f"lerobot-{episode.index:06d}"
        try:
            _write(dataset, episode, order, EpisodeWriter(out, name, meta), meta)
            written += 1
        except (BrokenEpisode, OSError, av.FFmpegError, KeyError, IndexError, ValueError) as error:
            left_out.append(LeftOut(root / f"episode {episode.index}", str(error)))
    return Imported(written, tuple(left_out))


def _write(
    dataset: _Dataset,
    episode: _Episode,
    order: Sequence[int],
    opened: EpisodeWriter,
    meta: EpisodeMeta,
) -> None:
    info = meta.info
    with opened as writer:
        actions = dataset.rows(episode, dataset.actions)[:, order]
        state = dataset.rows(episode, [_STATE]) if dataset.has_state else None
        sound = None
        if info.sample_rate is not None and episode.video is not None:
            wanted = info.samples(0, episode.length)
            begin = round(episode.start * info.sample_rate)
            samples = sound_of(episode.video, info.sample_rate)[begin : begin + wanted]
            sound = from_16_bits(np.pad(samples, (0, wanted - len(samples))))
        block: list[Image] = []
        for picture in _pictures(dataset, episode):
            block.append(scaled(picture, info.width, info.height))
            if len(block) == PIECE:
                _append(writer, info, block, sound, actions, state)
                block = []
        if block:
            _append(writer, info, block, sound, actions, state)
        if writer.frames != episode.length:
            raise BrokenEpisode(f"its video has {writer.frames} of {episode.length} frames")
        writer.close(ended=meta.ended)


def _append(
    writer: EpisodeWriter,
    info: WorldInfo,
    block: list[Image],
    sound: NDArray[np.float32] | None,
    actions: Actions,
    state: NDArray[np.float32] | None,
) -> None:
    start, stop = writer.frames, writer.frames + len(block)
    begin, end = info.samples(0, start), info.samples(0, stop)
    writer.write(
        np.stack(block),
        None if sound is None else sound[begin:end],
        actions[start:stop],
        None if state is None else state[start:stop],
    )


def _pictures(dataset: _Dataset, episode: _Episode) -> Iterator[Image]:
    if episode.video is not None:
        yield from frames_at(episode.video, dataset.fps, episode.start, episode.length)
        return
    for cell in episode.table[dataset.camera].to_pylist():
        with Pillow.open(BytesIO(cell["bytes"])) as image:
            yield np.asarray(image.convert("RGB"))


def _info(
    dataset: _Dataset, episodes: Sequence[_Episode], own: Sequence[EpisodeMeta], wishes: Wishes
) -> tuple[WorldInfo, list[int]]:
    """The world, and in which order the columns of the actions become its controls."""
    first = episodes[0]
    width, height = wishes.size or _size(dataset, first)
    videos = {each.video for each in episodes}
    rates = {None if video is None else sound_rate(video) for video in videos}
    rate = rates.pop() if len(rates) == 1 else None
    if own:
        info = own[0].info
        known = replace(info, width=width, height=height, sample_rate=rate)
        return replace(known, name=wishes.world or info.name), list(range(info.controls))
    names = [_plain(name) for name in dataset.names(dataset.actions)]
    values = [dataset.rows(episode, dataset.actions) for episode in episodes]
    low = np.min([each.min(0) for each in values], 0)
    high = np.max([each.max(0) for each in values], 0)
    pressed = [all(np.isin(each[:, i], (0, 1)).all() for each in values) for i in range(len(names))]
    buttons = [i for i in range(len(names)) if pressed[i]]
    moved = [i for i in range(len(names)) if not pressed[i]]
    mice = ("x", "y", *[None] * len(names))
    axes = [
        Axis(names[i], names[i], min(float(low[i]), 0.0), max(float(high[i]), 0.0), mouse)  # type: ignore[arg-type]
        for i, mouse in zip(moved, mice, strict=False)
    ]
    world = wishes.world or dataset.root.name
    info = WorldInfo(
        name=world,
        title=world.replace("_", " ").capitalize(),
        description=f"Recorded as the LeRobotDataset {dataset.root.name}.",
        width=width,
        height=height,
        buttons=buttons_of([names[i] for i in buttons]),
        axes=tuple(axes),
        fps=dataset.fps,
        sample_rate=rate,
    )
    return info, [*buttons, *moved]


def _size(dataset: _Dataset, episode: _Episode) -> tuple[int, int]:
    if episode.video is not None:
        return size_of(episode.video)
    height, width = next(_pictures(dataset, episode)).shape[:2]
    return width, height


def _own(root: Path) -> list[EpisodeMeta]:
    """What the exporter added."""
    if not (root / OWN).exists():
        return []
    data = json.loads((root / OWN).read_text())
    return [EpisodeMeta.from_json(each) for each in data["episodes"]]


def _texts(episode: _Episode, tasks: Mapping[int, str]) -> tuple[tuple[int, str], ...]:
    if "task_index" not in episode.table.column_names:
        return ()
    indices = np.asarray(episode.table["task_index"])
    begins = [0, *(np.flatnonzero(np.diff(indices)) + 1).tolist()]
    return tuple((frame, tasks.get(int(indices[frame]), "")) for frame in begins)


def _numeric(feature: Mapping[str, Any]) -> bool:
    return len(feature["shape"]) == 1 and feature["dtype"] not in ("string", "video", "image")


def _names(key: str, feature: Mapping[str, Any]) -> list[str]:
    """Of the numbers of a feature, which says them as a list, by groups, by index, or not."""
    names, count = feature.get("names"), int(feature["shape"][0])
    if isinstance(names, Mapping):
        lists = [each for each in names.values() if isinstance(each, list)]
        names = [name for each in lists for name in each] if lists else list(names)
    if not isinstance(names, list) or len(names) != count:
        plain = key.removeprefix("observation.")
        names = [plain] if count == 1 else [f"{plain}_{i + 1}" for i in range(count)]
    return [str(name) for name in names]


def _plain(name: str) -> str:
    return name.strip().replace(" ", "_").replace(".", "_")


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
