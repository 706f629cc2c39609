"""The worlds of a worker: their models, opened when they are first needed, and what they cost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from lightcone.model.catalogue import ModelSettings, family_of, open_model, world_info
from lightcone.model.interface import Model, UnknownWorld, WorldInfo
from lightcone.server.scheduling.costs import StepTimes
from lightcone.server.scheduling.degradation import Degradation
from lightcone.server.scheduling.pacer import Pacer
from lightcone.server.worker.messages import Load, StepCost
from lightcone.server.worker.sessions.history import KEEP_EVERY_S
from lightcone.server.worker.stepping.threads import Aside, Caller
from lightcone.streaming import StreamFormat, StreamSettings, measure_encoding

OPEN_TIMEOUT_S = 120.0


@dataclass
class OpenWorld:
    """A world whose model is open; `ladder` is that of its sessions which are stepped together."""

    info: WorldInfo
    model: Model
    cost: StepCost
    most: int  # sessions in one step
    ladder: Degradation
    times: StepTimes = field(init=False)  # `cost` as it is now
    _pacers: dict[tuple[int, int, int], Pacer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.times = StepTimes(self.cost.step_ms)

    @property
    def name(self) -> str:
        return self.info.name

    def bucket(self, sessions: int) -> int:
        return min(size for size in self.cost.step_ms if size >= sessions)

    def pacer(self, frames: int, steps: int, sessions: int) -> Pacer:
        """Of steps of so many sessions, by chunks of so many frames and denoising steps."""
        bucket = self.bucket(sessions)
        key = frames, steps, bucket
        if key not in self._pacers:
            share = frames / self.info.chunk_frames[-1] * steps / self.model.steps[0]
            self._pacers[key] = Pacer(share * self.times.step_ms()[bucket] / 1000)
        return self._pacers[key]


class Worlds:
    """Opens each world that is served once. Worlds of one family share a model."""

    def __init__(self, load: Load, new_caller: Callable[[str], Caller], encoder: Executor) -> None:
        """Raises UnknownWorld, WeightsError and EnvironmentFailed."""
        self._load = load
        self._aside = Aside(1, partial(new_caller, "open"))
        self._encoder = encoder
        weights = Path(load.weights)
        self.infos: Mapping[str, WorldInfo] = {n: world_info(n, weights) for n in load.worlds}
        self.open: dict[str, OpenWorld] = {}
        self._models: dict[str, Model] = {}  # by family
        self._one_at_a_time = asyncio.Lock()

    async def get(self, name: str) -> OpenWorld:
        """Opens it where that is not done yet. Raises ModelError, and TimeoutError."""
        if name not in self.infos:
            raise UnknownWorld(f"the world '{name}' is not served here")
        if name not in self.open:
            async with self._one_at_a_time:
                if name not in self.open:
                    self.open[name] = await self._opened(name)
        return self.open[name]

    def close(self) -> None:
        for model in self._models.values():
            model.close()

    async def _opened(self, name: str) -> OpenWorld:
        family = family_of(name, Path(self._load.weights)).name
        if family not in self._models:
            model = await self._aside.call(lambda: self._open_model(family), OPEN_TIMEOUT_S)
            self._models[family] = model
        model, info = self._models[family], self.infos[name]
        cost = await self._aside.call(lambda: model.cost(name), OPEN_TIMEOUT_S)
        encode_ms = await asyncio.get_running_loop().run_in_executor(
            self._encoder, measure_encoding, *_sent(info, self._load)
        )
        gc.collect()
        gc.freeze()  # a model is never garbage: collections stay short
        largest = max(cost.step_ms)
        return OpenWorld(
            info,
            model,
            StepCost(
                dict(cost.step_ms), encode_ms, _session_bytes(cost.state_bytes, info, self._load)
            ),
            min(self._load.max_batch or largest, largest),
            Degradation(model.steps, self._load.min_rate),
        )

    def _open_model(self, family: str) -> Model:
        load = self._load
        weights = Path(load.weights)
        worlds = tuple(name for name in load.worlds if family_of(name, weights).name == family)
        settings = ModelSettings(
            weights,
            load.steps,
            load.device,
            load.action_guidance,
            load.probe_compute_ms,
            load.text_device,
            load.decoder,
            load.fp8_kv,
            load.fp8_linears,
            load.kv_gb,
            load.compile,
            load.graphs,
        )
        return open_model(worlds, settings)


def stream_format(info: WorldInfo) -> StreamFormat:
    return StreamFormat(info.width, info.height, info.fps, info.sample_rate)


def _sent(info: WorldInfo, load: Load) -> tuple[StreamFormat, StreamSettings]:
    format = stream_format(info)
    scale = format.fitting_scale(load.scale)
    return format, StreamSettings(scale=scale, video_bitrate=load.video_bitrate)


def _session_bytes(state_bytes: int, info: WorldInfo, load: Load) -> int:
    """Of a state, the one that is being made and those that can be gone back to."""
    moments = 3 + int(load.history_s / KEEP_EVERY_S)
    picture = int(np.prod((info.height, info.width, 3)))
    return moments * (state_bytes + picture)
