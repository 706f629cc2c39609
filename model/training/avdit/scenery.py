"""Stage 3: what a place looks like, from the numbers of recordings that have any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.scenery import Scenery
from lightcone.model.runtime.checkpoint import save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.codecs import load
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group

CHUNKS = 128  # of a batch
_MUON_LR, _ADAM_LR = 0.01, 1e-3
_OTHERS = 0.3  # share of numbers, each by itself, that are of another chunk; none of a pose
_ORDINARY = 0.3  # errors of latents above it count less: what comes and goes is no scenery


def train_scenery(
    scenery: Scenery,
    play: EncodedPlay,
    c: AvditConfig,
    path: Path,
    budget: Budget,
    seed: int,
    log: Path,
) -> bool:
    """Train, or go on; returns False where it was stopped. Raises WeightsError, TrainingError."""
    matrices = [p for name, p in scenery.named_parameters() if p.ndim == 2 and "cells" not in name]
    optimizer = MuonAdam(scenery, matrices, _MUON_LR, _ADAM_LR, Group(alone=True))
    step, seconds = load(path, scenery, optimizer)
    if not step:
        scenery.fit(torch.from_numpy(np.asarray(play.numbers)))
    rng = np.random.default_rng((seed, step))

    def advance(point: Point) -> dict[str, float]:
        at = np.sort(rng.choice(len(play), min(CHUNKS, len(play)), replace=False))
        pictures = torch.from_numpy(play.picture[at].astype(np.float32))
        pictures = pictures.unflatten(1, (c.latents, c.channels))
        numbers = torch.from_numpy(_mixed(np.asarray(play.numbers[at]), c.pose, rng))
        numbers = numbers.unflatten(1, (c.latents, c.group))
        loss = F.smooth_l1_loss(scenery(numbers), pictures, beta=_ORDINARY)
        optimizer.set_rate(point.rate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": float(loss.detach())}

    def save(step: int, seconds: float) -> None:
        save_training(path, scenery, optimizer, step, seconds=seconds)

    return run("scenery", advance, save, budget, step=step, seconds=seconds, log=log)


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
