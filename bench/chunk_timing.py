"""Time and memory of one chunk of a learned world, by part, at given minutes of media time.

The parts are those of `LearnedWorld.step`: `denoise` makes the latents, in as many passes as
there are steps; `picture` decodes the frames; `sound` decodes the samples and hands both over
as arrays. There is no pass that fills the cache: the keys of the last denoising pass stay in
the ring.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lightcone.bench.statistics import (
    Spread,
    spread,
)
from lightcone.model.families.staged.model import (
    LearnedWorld,
    WorldState,
)
from lightcone.model.families.staged.network.sampler import Latents
from lightcone.model.interface import (
    FPS,
    Actions,
    Chunk,
)

NO_CACHE_PASS = "none: the keys of the last denoising pass stay in the ring"
PARTS = ("denoise", "picture", "sound")


@dataclass(frozen=True)
class ChunkTimes:
    """Milliseconds of one chunk by part."""

    denoise: float
    picture: float
    sound: float

    @property
    def total(self) -> float:
        return self.denoise + self.picture + self.sound


class TimedWorld(LearnedWorld):
    """Notes how long the parts of its last step took."""

    times = ChunkTimes(0.0, 0.0, 0.0)

    def generate(self, states: Sequence[WorldState], actions: Sequence[Actions]) -> Latents:
        before = self._now()
        latents = super().generate(states, actions)
        self.times = ChunkTimes(1000 * (self._now() - before), 0.0, 0.0)
        return latents

    def show(
        self, states: Sequence[WorldState], latents: Latents
    ) -> tuple[list[WorldState], list[Chunk]]:
        before = self._now()
        shown = super().show(states, latents)
        took = 1000 * (self._now() - before)
        self.times = replace(self.times, sound=took - self.times.picture)
        return shown

    def decode_picture(self, latents: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
        before = self._now()
        frames = super().decode_picture(latents)
        self.times = replace(self.times, picture=1000 * (self._now() - before))
        return frames

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def measure(
    world: TimedWorld, seed: int, minutes: Sequence[int], chunks: int
) -> dict[int, list[ChunkTimes]]:
    """Times of `chunks` chunks from the end of each minute of media time on.

    The minutes take turns chunk by chunk, each as often first as last, so that whatever else
    the machine does slows all of them alike.
    """
    states = {minute: state_at(world, seed, minute) for minute in minutes}
    times: dict[int, list[ChunkTimes]] = {minute: [] for minute in minutes}
    held = _held(world, seed)
    turn = list(minutes)
    for _ in range(chunks):
        actions = next(held)
        for minute in turn:
            [states[minute]], _ = world.step([states[minute]], [actions])
            times[minute].append(world.times)
        turn.reverse()
    return times


def state_at(world: TimedWorld, seed: int, minute: int) -> WorldState:
    """The state of a world that has run for so long, but for the way there: a full ring, in
    the phase that it has at that chunk, and the chunk's index."""
    window = world.network.config.window
    index = minute * 60 * FPS // world.info.frames_per_chunk
    state = world.start(seed)
    held = _held(world, seed)
    for _ in range(window + index % window):
        [state], _ = world.step([state], [next(held)])
    return replace(state, index=index)


def _held(world: LearnedWorld, seed: int) -> Iterator[Actions]:
    """Random buttons, held for a whole chunk each."""
    random = np.random.default_rng(seed)
    names = [button.name for button in world.info.buttons]
    while True:
        yield world.info.actions([name for name in names if random.random() < 0.3])


def spreads(times: Sequence[ChunkTimes]) -> dict[str, Spread | None]:
    """Of each part and of the whole, in ms."""
    parts = {part: [getattr(each, part) for each in times] for part in PARTS}
    return {
        name: spread(values, 2)
        for name, values in {**parts, "total": [each.total for each in times]}.items()
    }


def weights_mb(world: LearnedWorld) -> dict[str, float]:
    """MB (10**6 bytes) of the weights that each part reads."""
    parts: dict[str, nn.Module] = {
        "denoise": nn.ModuleList([world.dynamics, world.network]),
        "picture": world.picture.decoder,
        "sound": world.sound,
    }
    return {name: _mb(module.parameters()) for name, module in parts.items()}


def state_mb(state: WorldState) -> float:
    """MB of one world's state: the ring of keys and values, above all."""
    return _mb([state.keys, state.values, *state.sound_state])


def _mb(tensors: Iterable[Tensor]) -> float:
    size: int = sum(t.numel() * t.element_size() for t in tensors)
    return round(size / 1e6, 2)
