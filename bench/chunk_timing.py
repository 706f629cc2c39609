"""Time of one chunk of a learned world, by part.

The parts are those of a model's `step`: `denoise` makes the latents, in as many passes as there
are steps; `picture` decodes the frames; `sound` decodes the samples and hands both over as arrays.
There is no pass that fills the cache, see `cache_pass`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lightcone.bench.statistics import Spread, spread
from lightcone.model.catalogue import family_of
from lightcone.model.families.avdit.entry import folders
from lightcone.model.families.avdit.model import AvditModel
from lightcone.model.families.avdit.weights import Weights as AvditWeights
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.weights import Weights as StagedWeights
from lightcone.model.interface import Actions, Model, WorldInfo, collect

_WARM_UP_SECONDS = 5  # longer than any window
PARTS = ("denoise", "picture", "sound")


@dataclass(frozen=True)
class ChunkTimes:
    """Milliseconds of one step by part."""

    denoise: float
    picture: float
    sound: float

    @property
    def total(self) -> float:
        return self.denoise + self.picture + self.sound


class Timed:
    """A model, mixed in, that notes how long the parts of its last step took."""

    times = ChunkTimes(0.0, 0.0, 0.0)
    device: torch.device

    def generate(self, *args: Any) -> Any:
        before = self._now()
        made = super().generate(*args)  # type: ignore[misc]
        self.times = ChunkTimes(1000 * (self._now() - before), 0.0, 0.0)
        return made

    def show(self, *args: Any) -> Any:
        before = self._now()
        shown = super().show(*args)  # type: ignore[misc]
        took = 1000 * (self._now() - before)
        self.times = replace(self.times, sound=took - self.times.picture)
        return shown

    def decode_picture(self, *args: Any) -> Any:
        before = self._now()
        frames = super().decode_picture(*args)  # type: ignore[misc]
        self.times = replace(self.times, picture=1000 * (self._now() - before))
        return frames

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class TimedStaged(Timed, StagedModel):
    cache_pass = "none: the keys of the last denoising pass stay in the ring"

    def modules(self, world: str) -> dict[str, nn.Module | None]:
        return {
            "denoise": nn.ModuleList([self.part(world).dynamics, self.network]),
            "picture": self.picture.decoder,
            "sound": self.sound,
        }


class TimedAvdit(Timed, AvditModel):
    cache_pass = "none: the first denoising pass also takes the chunk before, and keeps its keys"

    def modules(self, world: str) -> dict[str, nn.Module | None]:
        weights = self.world(world).weights
        return {
            "denoise": weights.transformer,
            "picture": weights.picture.decoder,
            "sound": weights.sound,
        }


class TimedModel(Model, Protocol):
    """Either of them."""

    times: ChunkTimes
    cache_pass: str  # how the cache is filled
    dtype: torch.dtype
    device: torch.device

    def modules(self, world: str) -> dict[str, nn.Module | None]:
        """What each part reads."""
        ...


def open_timed(world: str, weights: Path, steps: int | None, device: str) -> TimedModel:
    """Raises UnknownWorld, WeightsError and UnsupportedSetting."""
    flags: dict[str, Any] = {"device": device}
    if steps is not None:
        flags["steps"] = steps
    if family_of(world, weights).name == "avdit":
        return TimedAvdit({world: AvditWeights.load(folders(weights)[world])}, **flags)
    return TimedStaged(StagedWeights.load(weights), [world], **flags)


class Play:
    """Sessions of one world that go on in one batch, under random buttons."""

    def __init__(self, model: TimedModel, world: str, seed: int, batch: int) -> None:
        self.model = model
        self._info = model.worlds[world]
        conditioning = model.prepare(world)
        self.states = [model.start(world, seed + i, conditioning) for i in range(batch)]
        self._held = [held(self._info, seed + i) for i in range(batch)]

    def step(self) -> ChunkTimes:
        actions = [next(each) for each in self._held]
        self.states, _ = collect(self.model, self.states, actions)
        return self.model.times

    def warm_up(self) -> None:
        """Until the cache is full."""
        for _ in range(_WARM_UP_SECONDS * self._info.fps // self._info.chunk_frames[-1]):
            self.step()


def held(info: WorldInfo, seed: int) -> Iterator[Actions]:
    """Random buttons, held for a whole chunk each."""
    random = np.random.default_rng(seed)
    names = [button.name for button in info.buttons]
    while True:
        yield info.actions([name for name in names if random.random() < 0.3])


def measure(play: Play, chunks: int) -> list[ChunkTimes]:
    """Times of `chunks` steps, one right after the other."""
    play.warm_up()
    return [play.step() for _ in tqdm(range(chunks), desc="chunks", unit="chunk")]


def spreads(times: Sequence[ChunkTimes]) -> dict[str, Spread | None]:
    """Of each part and of the whole, in ms."""
    parts = {part: [getattr(each, part) for each in times] for part in PARTS}
    return {
        name: spread(values, 2)
        for name, values in {**parts, "total": [each.total for each in times]}.items()
    }


def weights_mb(model: TimedModel, world: str) -> dict[str, float]:
    """MB (10**6 bytes) of the weights that each part reads."""
    return {
        name: 0.0 if module is None else _mb(module.parameters())
        for name, module in model.modules(world).items()
    }


def _mb(tensors: Iterable[torch.Tensor]) -> float:
    size: int = sum(t.numel() * t.element_size() for t in tensors)
    return round(size / 1e6, 2)
