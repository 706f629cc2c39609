"""`lightcone data pack FOLDER --out DIR`: decode recordings once, into arrays for training."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lightcone.model.interface import ModelError
from lightcone.model.recordings.flags import picture_size
from lightcone.model.recordings.format import (
    ACTIONS,
    LABEL_COLUMNS,
    LABELS,
    PART,
    STATE,
    RecordingFailed,
    info_to_json,
)
from lightcone.model.recordings.media import scaled
from lightcone.model.recordings.packed import (
    INDEX,
    PACKED_VERSION,
    PICTURES,
    SOUNDS,
    PackedRecordings,
    open_packed,
)
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import Recordings, scan

BLOCK = 70  # frames decoded at a time

Progress = Callable[[int], Any]
"""Is given the number of frames that were packed since the last time."""


def pack(
    recordings: Recordings,
    out: Path,
    size: tuple[int, int] | None = None,
    progress: Progress = lambda frames: None,
) -> PackedRecordings:
    """Decode all episodes into the folder `out`, at `size` (width, height) or as they are. What
    was packed there before is used where it is the same, else replaced. Raises NoRecordings,
    MixedRecordings, BrokenEpisode, and RecordingFailed where the disk fills."""
    info = recordings.world()
    if size is not None:
        info = replace(info, width=size[0], height=size[1])
    state = recordings.state()
    kinds = tuple(dict.fromkeys(k for e in recordings.episodes for k in e.meta.kinds))
    labels = [_labels(episode, kinds) for episode in recordings.episodes]
    index = json.dumps(
        {
            "format": PACKED_VERSION,
            **info_to_json(info),
            "state": list(state),
            "kinds": list(kinds),
            "episodes": [
                {
                    "name": episode.path.relative_to(recordings.folder).as_posix(),
                    "digest": episode.meta.digest,
                    "frames": len(episode),
                    "labels": len(boxes),
                    "seed": episode.meta.seed,
                    "ended": episode.meta.ended,
                    "text": [list(each) for each in episode.meta.text],
                }
                for episode, boxes in zip(recordings.episodes, labels, strict=True)
            ],
        },
        indent=1,
    )
    if _same(out, index):
        progress(recordings.frames)
        return open_packed(out)
    part = out.with_name(out.name + PART)
    try:
        _make_room(out, part)
        if any(map(len, labels)):
            np.save(part / LABELS, np.concatenate(labels))
        _decode(recordings, part, (info.width, info.height), state, progress)
        (part / INDEX).write_text(index)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise RecordingFailed(f"{out} cannot be written: {error.strerror or error}") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return open_packed(out)


def _make_room(out: Path, part: Path) -> None:
    if out.exists() and not (out / INDEX).exists():
        raise RecordingFailed(f"{out} exists and holds no packed recordings: it is left alone")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)


def _decode(
    recordings: Recordings,
    part: Path,
    size: tuple[int, int],
    state: tuple[str, ...],
    progress: Progress,
) -> None:
    info, total = recordings.world(), recordings.frames

    def create(name: str, dtype: type, *shape: int) -> NDArray[Any]:
        path = part / name
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        if sys.platform == "linux":  # a disk that is too small is found out now, not by a crash
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array

    width, height = size
    pictures = create(PICTURES, np.uint8, total, height, width, 3)
    actions = create(ACTIONS, np.float32, total, info.controls)
    numbers = create(STATE, np.float32, total, len(state)) if state else None
    spans = [info.samples(0, len(episode)) for episode in recordings.episodes]
    sound = None if info.sample_rate is None else create(SOUNDS, np.int16, sum(spans))

    def one(episode: Episode, at: int, sample: int, span: int) -> None:
        end = at + len(episode)
        for start in range(0, len(episode), BLOCK):
            block = episode.frames(start, start + BLOCK)
            for i, picture in enumerate(block):
                pictures[at + start + i] = scaled(picture, width, height)
            progress(len(block))
        actions[at:end] = episode.actions
        if numbers is not None and episode.state is not None:
            columns = [episode.meta.state.index(name) for name in state]
            numbers[at:end] = episode.state[:, columns]
        if sound is not None:
            sound[sample : sample + span] = episode.samples

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        jobs, at, sample = [], 0, 0
        for episode, span in zip(recordings.episodes, spans, strict=True):
            jobs.append(threads.submit(one, episode, at, sample, span))
            at, sample = at + len(episode), sample + span
        try:
            for job in jobs:
                job.result()
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _labels(episode: Episode, kinds: tuple[str, ...]) -> NDArray[np.float32]:
    """(boxes, 7), with kinds numbered as in `kinds`."""
    labels = np.array(episode.labels, np.float32)
    if not len(labels):
        return np.zeros((0, len(LABEL_COLUMNS)), np.float32)
    number = np.array([kinds.index(kind) for kind in episode.meta.kinds], np.float32)
    labels[:, 1] = number[labels[:, 1].astype(int)]
    return labels


def _same(out: Path, index: str) -> bool:
    try:
        open_packed(out)
        return (out / INDEX).read_text() == index
    except ModelError:
        return False


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lightcone data pack", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of recordings, at any depth")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=picture_size, help="WIDTHxHEIGHT, by averaging areas")
    args = parser.parse_args(argv)
    try:
        recordings = scan(args.folder, whole=True)
        recordings.world()
        with tqdm(total=recordings.frames, unit="frame", disable=None) as bar:
            packed = pack(recordings, args.out, args.size, bar.update)
    except ModelError as error:
        parser.exit(1, f"lightcone data pack: {error}\n")
    print(recordings.summary())
    shape = "x".join(str(n) for n in (packed.info.width, packed.info.height))
    print(f"{args.out}: {packed.frames} frames of {shape}")
    return 0
