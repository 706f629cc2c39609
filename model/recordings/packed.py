"""Recordings as plain arrays, for training. numpy and the standard library only.

A folder with one array for all episodes, one after the other:

    packed.json    the world, the names of the state's numbers, and where each episode begins
    pictures.npy   uint8 (frames, H, W, 3)
    sound.npy      int16 (samples,); absent without sound
    actions.npy    float32 (frames, controls)
    state.npy      float32 (frames, numbers); absent without numbers
    labels.npy     float32 (boxes, 7), frames counted within their episode; for judges alone

`pack.pack` makes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.format import (
    ACTIONS,
    LABELS,
    STATE,
    BrokenEpisode,
    NoRecordings,
    info_from_json,
)

INDEX, PICTURES, SOUNDS = "packed.json", "pictures.npy", "sound.npy"
PACKED_VERSION = 1
_FULL_SCALE = np.float32(32768)  # of 16 bits


@dataclass(frozen=True)
class PackedEpisode:
    """Views of the arrays: nothing is read before it is used."""

    name: str
    digest: str  # of the episode that was decoded
    seed: int | None
    ended: bool
    text: tuple[tuple[int, str], ...]
    info: WorldInfo
    pictures: NDArray[np.uint8]  # (F, H, W, 3)
    samples: NDArray[np.int16] | None  # (samples,)
    actions: Actions  # (F, controls)
    state: NDArray[np.float32] | None  # (F, numbers)
    labels: NDArray[np.float32]  # (boxes, 7): `format.LABEL_COLUMNS`

    def __len__(self) -> int:
        return len(self.pictures)

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        """(F, H, W, 3) RGB."""
        return self.pictures[start:stop]

    def sound(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32] | None:
        """(samples,) of the same frames, None without sound."""
        if self.samples is None:
            return None
        start, stop, _ = slice(start, stop).indices(len(self))
        begin = self.info.samples(0, start)
        part = self.samples[begin : begin + self.info.samples(start, stop - start)]
        return part.astype(np.float32) / _FULL_SCALE


@dataclass(frozen=True)
class PackedRecordings:
    folder: Path
    info: WorldInfo
    state: tuple[str, ...]  # names of the numbers
    kinds: tuple[str, ...]  # of labels
    episodes: tuple[PackedEpisode, ...]

    @property
    def frames(self) -> int:
        return sum(len(episode) for episode in self.episodes)

    @property
    def seconds(self) -> float:
        return self.frames / self.info.fps


def open_packed(folder: Path) -> PackedRecordings:
    """Raises NoRecordings where nothing was packed, BrokenEpisode where it is damaged."""
    try:
        data = json.loads((folder / INDEX).read_bytes())
    except FileNotFoundError as error:
        raise NoRecordings(f"{folder} holds no packed recordings (no {INDEX})") from error
    except (OSError, ValueError) as error:
        raise BrokenEpisode(f"{folder / INDEX} is damaged: {error}") from error
    try:
        return _opened(folder, data)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BrokenEpisode(f"{folder}: the packed recordings are damaged: {error}") from error


def _opened(folder: Path, data: Any) -> PackedRecordings:
    if data["format"] != PACKED_VERSION:
        raise ValueError(f"format {data['format']}, not {PACKED_VERSION}: pack again")
    info, state = info_from_json(data), tuple(data["state"])
    total = sum(each["frames"] for each in data["episodes"])
    boxes = sum(each["labels"] for each in data["episodes"])
    spans = [info.samples(0, each["frames"]) for each in data["episodes"]]

    def load(name: str, *shape: int) -> NDArray[Any]:
        array: NDArray[Any] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}")
        return array

    pictures = load(PICTURES, total, info.height, info.width, 3)
    actions = load(ACTIONS, total, info.controls)
    sound = None if info.sample_rate is None else load(SOUNDS, sum(spans))
    numbers = load(STATE, total, len(state)) if state else None
    labels = load(LABELS, boxes, 7) if boxes else np.zeros((0, 7), np.float32)
    episodes, at, sample, box = [], 0, 0, 0
    for each, span in zip(data["episodes"], spans, strict=True):
        end, last = at + each["frames"], box + each["labels"]
        episodes.append(
            PackedEpisode(
                name=each["name"],
                digest=each["digest"],
                seed=each["seed"],
                ended=each["ended"],
                text=tuple((int(frame), str(text)) for frame, text in each["text"]),
                info=info,
                pictures=pictures[at:end],
                samples=None if sound is None else sound[sample : sample + span],
                actions=actions[at:end],
                state=None if numbers is None else numbers[at:end],
                labels=labels[box:last],
            )
        )
        at, sample, box = end, sample + span, last
    return PackedRecordings(folder, info, state, tuple(data["kinds"]), tuple(episodes))
