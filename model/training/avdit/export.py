"""Weights that can be served, from what training has so far."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.entry import read_config
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.families.avdit.weights import Starts, Weights
from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.format import info_to_json
from lightcone.model.runtime.checkpoint import fitting, read
from lightcone.model.training.avdit.latents import EncodedPlay

STARTS = 12
START_CHUNKS = 8
MARKS = "marks"  # the folder of a run with weights as they were on the way
_MARKS_APART = 2**0.5  # a mark is kept when the training has taken so many times as long


def export(
    folder: Path,
    checkpoint: Path,
    transformer: Transformer,
    picture: VideoCodec,
    sound: SoundCodec | None,
    numbers: Numbers,
    info: WorldInfo,
    words: Sequence[str],
    play: EncodedPlay,
    trained: Mapping[str, Any],
    before_s: float = 0.0,
) -> Weights:
    """Write the moving average of a training's transformer with its codecs, which took `before_s`
    seconds. Raises WeightsError."""
    saved = read(checkpoint)
    with fitting(checkpoint):
        transformer.load_state_dict(saved["ema"])
    weights = Weights(
        world=info_to_json(info),
        words=tuple(words),
        numbers=numbers,
        picture=picture,
        sound=sound,
        transformer=transformer.to("cpu"),
        starts=starts_of(play),
        trained={
            **trained,
            "steps": int(saved["step"]),
            "seconds": round(saved["seconds"]),
            "hours": round((before_s + saved["seconds"]) / 3600, 4),
        },
    )
    weights.save(folder)
    return weights


def mark(run: Path, weights: Path) -> None:
    """Keep these weights of a run, if it has gone on for long enough since the last that it kept:
    for a curve of quality against hours (`lightcone evaluate --recordings DIR --run RUN`)."""
    hours = hours_of(weights)
    before = max((hours_of(each) for each in marks(run)), default=0.0)
    if hours >= before * _MARKS_APART and hours > before:
        beside = run / f"{MARKS}.partial"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(weights, beside)
        (run / MARKS).mkdir(exist_ok=True)
        beside.replace(run / MARKS / f"{round(3600 * hours):07d}")


def marks(run: Path) -> list[Path]:
    """The folders of weights that a run kept on the way, the oldest first."""
    return sorted(path for path in (run / MARKS).glob("*") if path.is_dir())


def hours_of(weights: Path) -> float:
    """How long the training of weights took, all stages before them too. Raises WeightsError."""
    return float(read_config(weights).get("trained", {}).get("hours", 0.0))


def starts_of(play: EncodedPlay) -> Starts:
    """The beginnings of episodes, spread over the recordings: each after a second or so."""
    _, first = np.unique(play.episode, return_index=True)
    long_enough = [
        int(at)
        for at in first
        if at + START_CHUNKS <= len(play)
        and play.episode[at] == play.episode[at + START_CHUNKS - 1]
    ] or [0]
    picked = [long_enough[i] for i in np.linspace(0, len(long_enough) - 1, STARTS).astype(int)]
    at = np.stack([np.arange(i, min(i + START_CHUNKS, len(play))) for i in picked])

    def taken(array: Any) -> torch.Tensor:
        return torch.from_numpy(np.asarray(array[at], np.float32))

    return Starts(
        Latents(taken(play.picture), taken(play.sound), taken(play.numbers)),
        taken(play.actions),
        torch.from_numpy(np.asarray(play.text[at[:, 0]], np.float32)),
    )
