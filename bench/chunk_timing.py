"""Time of one chunk of a staged world, by part.

The parts are those of `StagedModel.step`: `denoise` makes the latents, in as many passes as there
are steps; `picture` decodes the frames; `sound` decodes the samples and hands both over as arrays.
There is no pass that fills the cache: the keys of the last denoising pass stay in the ring.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from lightcone.bench.statistics import Spread, spread
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.state import Made, StagedState
from lightcone.model.interface import Actions, Chunk, WorldInfo, collect

NO_CACHE_PASS = "none: the keys of the last denoising pass stay in the ring"
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


class TimedModel(StagedModel):
    """Notes how long the parts of its last step took."""

    times = ChunkTimes(0.0, 0.0, 0.0)

    def generate(
        self, states: Sequence[StagedState], actions: Sequence[Actions], steps: int | None = None
    ) -> Made:
        before = self._now()
        made = super().generate(states, actions, steps)
        self.times = ChunkTimes(1000 * (self._now() - before), 0.0, 0.0)
        return made

    def show(
        self, states: Sequence[StagedState], made: Made
    ) -> tuple[list[StagedState], list[Chunk]]:
        before = self._now()
        shown = super().show(states, made)
        took = 1000 * (self._now() - before)
        self.times = replace(self.times, sound=took - self.times.picture)
        return shown

    def decode_picture(self, latents: Tensor) -> NDArray[np.uint8]:
        before = self._now()
        frames = super().decode_picture(latents)
        self.times = replace(self.times, picture=1000 * (self._now() - before))
        return frames

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Play:
    """Sessions of one world that go on in one batch, under random buttons."""

    def __init__(self, model: TimedModel, world: str, seed: int, batch: int) -> None:
        self.model = model
        conditioning = model.prepare(world)
        self.states = [model.start(world, seed + i, conditioning) for i in range(batch)]
        self._held = [held(model.worlds[world], seed + i) for i in range(batch)]

    def step(self) -> ChunkTimes:
        actions = [next(each) for each in self._held]
        self.states, _ = collect(self.model, self.states, actions)
        return self.model.times

    def warm_up(self) -> None:
        """Until the ring is full."""
        for _ in range(self.model.network.config.window):
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


def weights_mb(model: StagedModel, world: str) -> dict[str, float]:
    """MB (10**6 bytes) of the weights that each part reads."""
    parts: dict[str, nn.Module] = {
        "denoise": nn.ModuleList([model.part(world).dynamics, model.network]),
        "picture": model.picture.decoder,
        "sound": model.sound,
    }
    return {name: _mb(module.parameters()) for name, module in parts.items()}


def state_mb(state: StagedState) -> float:
    """MB of one session's state: the ring of keys and values, above all."""
    return _mb(state.tensors().values())


def _mb(tensors: Iterable[Tensor]) -> float:
    size: int = sum(t.numel() * t.element_size() for t in tensors)
    return round(size / 1e6, 2)
