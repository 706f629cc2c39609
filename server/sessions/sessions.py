"""The worlds of this server: who gets in when there is little room, and what happens when the
engine under them is lost."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import (
    FPS,
    SAMPLE_RATE,
    WorldInfo,
)
from lightcone.server.cli.settings import Settings
from lightcone.server.errors import LightconeError
from lightcone.server.sessions.session import (
    LiveWorld,
    WorldOrigin,
)
from lightcone.server.worker.host import (
    Engine,
    EngineError,
)
from lightcone.streaming import (
    MediaClock,
    StreamFormat,
    StreamSettings,
    WorldStream,
)

MAX_WAITING = 8  # requests for a world that may be read or wait for one in the making

log = logging.getLogger("lightcone.worlds")


class Busy(LightconeError):
    """Too many ask for a world at once."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants: a world that is served, `seed` None for any, `image` of the world's
    size."""

    info: WorldInfo
    seed: int | None = None
    prompt: str = ""
    image: NDArray[np.uint8] | None = None


class Worlds:
    """Owns the engine and the live worlds. Made with a running engine."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self._engine: Engine | None = None
        self.infos = engine.infos  # of the worlds that are served; the first is the default
        self._worlds: dict[str, LiveWorld] = {}
        self._making = asyncio.Lock()
        self._waiting = 0
        self._launching = asyncio.Lock()
        self._adopt(engine)

    @property
    def engine(self) -> Engine | None:
        """None while there is none that works."""
        return self._engine

    def __iter__(self) -> Iterator[LiveWorld]:
        return iter(self._worlds.values())

    def get(self, world_id: str) -> LiveWorld | None:
        return self._worlds.get(world_id)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A place among the few that may ask for a world at once. Raises Busy."""
        if self._waiting >= MAX_WAITING:
            raise Busy("too many ask for a world at this moment")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def create(self, asked: Asked) -> tuple[LiveWorld, bool]:
        """A new world, or a running one (False) where there is no room for another.

        Raises PromptError, EngineError.
        """
        async with self._making:
            return await self._create(asked)

    async def end(self, world: LiveWorld, reason: str) -> None:
        """Does nothing if somebody else is ending it."""
        if self._worlds.pop(world.id, None) is not None:
            await world.end(reason)

    async def close(self) -> None:
        self._supervisor.cancel()
        for world in list(self):
            await self.end(world, "the server goes down")
        if self._engine is not None:
            await self._engine.close()

    async def _create(self, asked: Asked) -> tuple[LiveWorld, bool]:
        info, prompt = asked.info, asked.prompt
        await self._make_room()
        if self._full():
            return max(self, key=lambda at: (at.live, at.info == info, at.viewers)), False
        engine = await self._working_engine()
        id = secrets.token_urlsafe(6)
        seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        chunk_s = await engine.start(id, info.name, seed, prompt, asked.image)
        world = self._open(WorldOrigin(id, info, chunk_s, seed, prompt), engine)
        self._worlds[world.id] = world
        log.info("%s: %s made, seed %d, prompt %r", world.id, info.name, seed, prompt)
        return world, True

    def _open(self, origin: WorldOrigin, engine: Engine) -> LiveWorld:
        info = origin.info
        clock = MediaClock(FPS)
        format = StreamFormat(info.width, info.height, FPS, SAMPLE_RATE)
        sent = StreamSettings(
            scale=self.settings.scale,
            video_bitrate=self.settings.video_bitrate,
            audio_bitrate=self.settings.audio_bitrate,
        )
        stream = WorldStream(format, clock, sent)
        return LiveWorld(origin, engine, clock, stream, self.settings.step_timeout_s)

    def _full(self) -> bool:
        return len(self._worlds) >= self.settings.max_worlds

    async def _make_room(self) -> None:
        """Forget failed worlds; if it is still full, the one left alone the longest, if it has
        been for long enough."""
        for world in [world for world in self if not world.live]:
            await self.end(world, "it had failed")
        if self._full():
            loneliest = max(self, key=LiveWorld.idle_s)
            if loneliest.idle_s() > self.settings.idle_timeout_s:
                await self.end(loneliest, "nobody was there and somebody wanted a new one")

    def _adopt(self, engine: Engine) -> None:
        self._engine = engine
        self._supervisor = asyncio.create_task(self._supervise(engine), name="engine supervisor")

    async def _supervise(self, engine: Engine) -> None:
        """When the engine is lost its worlds fail, and the next one is started."""
        await engine.lost
        log.error("the engine is lost; starting another")
        self._engine = None
        for world in list(self):
            if world.live:
                await world.fail("the engine crashed; make a new world")
        await engine.close()
        try:
            await self._working_engine()
        except EngineError as error:
            log.error("no engine: %s", error)

    async def _working_engine(self) -> Engine:
        """The engine, started if there is none. Raises EngineError."""
        async with self._launching:
            if self._engine is None:
                self._adopt(await Engine.launch(self.settings.engine_config()))
                log.info("the engine is back")
            assert self._engine is not None
            return self._engine
