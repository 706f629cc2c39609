"""Stage 3: what a place looks like, from the numbers of recordings that have any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.scenery import Scenery
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.runtime.checkpoint import save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.camera import measured
from lightcone.model.training.avdit.codecs import load
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group

_WAVES, _PLACE = (128, 1e-3), (24, 3e-3)  # chunks of a batch, and AdamW's rate
_MUON_LR = 0.01
_QUICKER = 5.0  # of textures, whose entries are read seldom
_OTHERS = 0.3  # share of numbers, each by itself, that are of another chunk; none of a pose
_CELL = 0.5  # standard deviations, the side of one place
_EVEN = 0.7  # 1: as often at each place; 0: as often as it was recorded
_ORDINARY = 0.3  # errors of latents above it count less: what comes and goes is no scenery


def train_scenery(
    scenery: Scenery,
    play: EncodedPlay,
    c: AvditConfig,
    codec: VideoCodec,
    numbers: Numbers,
    path: Path,
    budget: Budget,
    seed: int,
    log: Path,
) -> bool:
    """Train, or go on; returns False where it was stopped. Raises WeightsError, TrainingError."""
    matrices = [
        p
        for name, p in scenery.named_parameters()
        if p.ndim == 2 and "cells" not in name and "place" not in name
    ]
    tables = [] if scenery.place is None else [*scenery.place.textures]
    chunks, adam_lr = _WAVES if scenery.place is None else _PLACE
    optimizer = MuonAdam(scenery, matrices, _MUON_LR, adam_lr, Group(alone=True), tables, _QUICKER)
    step, seconds = load(path, scenery, optimizer)
    if not step:
        scenery.fit(torch.from_numpy(np.asarray(play.numbers)))
        if scenery.place is not None:
            unit = torch.tensor(numbers.unit)
            angles, places = _poses(play, c, unit)
            camera = measured(play, codec, angles, places, c, seed)
            scenery.place.fit(camera, unit, float(np.linalg.norm(places, axis=1).max()))
    rng = np.random.default_rng((seed, step))
    often = _often(play, c)

    def advance(point: Point) -> dict[str, float]:
        at = np.sort(rng.choice(len(play), min(chunks, len(play)), replace=False, p=often))
        pictures = torch.from_numpy(play.picture[at].astype(np.float32))
        pictures = pictures.unflatten(1, (c.latents, c.channels))
        values = torch.from_numpy(_mixed(np.asarray(play.numbers[at]), c.pose, rng))
        values = values.unflatten(1, (c.latents, c.group))
        loss = F.smooth_l1_loss(scenery(values), pictures, beta=_ORDINARY)
        optimizer.set_rate(point.rate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": float(loss.detach())}

    def save(step: int, seconds: float) -> None:
        save_training(path, scenery, optimizer, step, seconds=seconds)

    return run("scenery", advance, save, budget, step=step, seconds=seconds, log=log)


def _poses(
    play: EncodedPlay, c: AvditConfig, unit: Tensor
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """At the first frame of each chunk: angles (chunks,) in radians, and places (chunks, 2) in
    standard deviations of a place."""
    first = np.asarray(play.numbers[:, 0])
    sine = c.angles[0]
    return np.arctan2(first[:, sine], first[:, sine + 1]), first[:, c.positions] * unit.numpy()


def _often(play: EncodedPlay, c: AvditConfig) -> NDArray[np.float64]:
    """How often each chunk is drawn, (chunks,): seldom where many were recorded at one place."""
    where = np.floor(np.asarray(play.numbers[:, 0])[:, c.positions] / _CELL).astype(int)
    _, cell, many = np.unique(where, axis=0, return_inverse=True, return_counts=True)
    often = many[cell.reshape(-1)] ** -_EVEN
    out: NDArray[np.float64] = often / often.sum()
    return out


def _mixed(
    numbers: NDArray[np.float32], pose: frozenset[int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """(chunks, frames, numbers) with some numbers of other chunks: most combinations of those that
    are of no pose were never recorded."""
    out = numbers.copy()
    for i in set(range(numbers.shape[-1])) - pose:
        others = rng.random(len(numbers)) < _OTHERS
        out[others, :, i] = rng.permutation(numbers)[others, :, i]
    return out
