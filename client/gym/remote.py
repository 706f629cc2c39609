"""Environments over sessions of a server, in real time.

The world goes on whether or not an agent has made up its mind: what it holds stays held until its
next step, and a step begins with the first frame that shows its action, as the receipt names it.
Pictures and sound have been through a codec. So equal seeds and actions do not show the same
(`spec.nondeterministic`): the seed decides how the world begins, not at which of its frames an
action arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from lightcone.client.background import Background
from lightcone.client.bodies import World
from lightcone.client.client import Client
from lightcone.client.errors import ClientError, Late, SessionOver
from lightcone.client.gym.env import WorldEnv, WorldVectorEnv
from lightcone.client.gym.spaces import WorldSpaces
from lightcone.client.gym.turns import RESTART_OPTIONS, Act, Begin, Judge, Shown, Turn, unjudged
from lightcone.client.media.sound import Samples
from lightcone.client.session import LiveSession
from lightcone.client.viewer import Frame

SOUND_PATIENCE_S = 1.0  # after its picture


class Audible(Protocol):
    async def sound(
        self, start: float, seconds: float, rate: int, patience_s: float
    ) -> Samples: ...


class RemoteEnv(WorldEnv):
    """A session of the server at `url`, another one for each episode; `world` is by default the
    first of its catalogue, and a step so many `chunks` of it. Raises Unreachable and Problem, and
    ClientError for a world that is not served."""

    def __init__(
        self,
        url: str,
        world: str | None = None,
        *,
        token: str | None = None,
        judge: Judge = unjudged,
        max_steps: int | None = None,
        chunks: int = 1,
        max_buttons_pressed: int = 0,
        patience_s: float = 60.0,
        render_mode: str | None = None,
    ) -> None:
        def remake(render_mode: str | None = None) -> RemoteEnv:
            return RemoteEnv(
                url,
                world,
                token=token,
                judge=judge,
                max_steps=max_steps,
                chunks=chunks,
                max_buttons_pressed=max_buttons_pressed,
                patience_s=patience_s,
                render_mode=render_mode,
            )

        rows = RemoteRows(url, world, token, chunks, max_buttons_pressed, patience_s)
        super().__init__(rows, "lightcone/Remote-v0", remake, judge, max_steps, render_mode)


class RemoteVectorEnv(WorldVectorEnv):
    """`num_envs` sessions, stepped at the same time; the server must have room for them, or make
    some within `patience_s` seconds. Otherwise as RemoteEnv."""

    def __init__(
        self,
        url: str,
        world: str | None = None,
        num_envs: int = 1,
        *,
        token: str | None = None,
        judge: Judge = unjudged,
        max_steps: int | None = None,
        chunks: int = 1,
        max_buttons_pressed: int = 0,
        patience_s: float = 60.0,
    ) -> None:
        rows = RemoteRows(url, world, token, chunks, max_buttons_pressed, patience_s)
        super().__init__(rows, num_envs, judge, max_steps)


class RemoteRows:
    """Sessions of a world on a server, each made anew when it begins."""

    deterministic = False

    def __init__(
        self,
        url: str,
        world: str | None,
        token: str | None,
        chunks: int,
        max_buttons_pressed: int,
        patience_s: float,
    ) -> None:
        self._patience_s = patience_s
        self._sessions: dict[int, LiveSession] = {}
        self._background = Background()
        self._closed = False
        try:
            self._client = self._background.run(_client(url, token))
            self._world = self._background.run(_world(self._client, world))
            names = [control.name for control in self._world.controls]
            self.spaces = WorldSpaces(self._world, names, chunks, max_buttons_pressed)
            self._seconds = self.spaces.frames / self._world.fps
        except BaseException:
            self._background.close()
            raise

    def advance(self, turns: Mapping[int, Turn]) -> dict[int, Shown]:
        """Raises ClientError by its kinds."""
        shown = self._background.run(_all([self._turn(row, turn) for row, turn in turns.items()]))
        return dict(zip(turns, shown, strict=True))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._background.run(self._close())
        self._background.close()

    async def _turn(self, row: int, turn: Turn) -> Shown:
        if isinstance(turn, Begin):
            return await self._begin(row, turn)
        if row not in self._sessions:
            raise ClientError("no session is there: the last reset failed")
        return await self._act(self._sessions[row], turn)

    async def _begin(self, row: int, begin: Begin) -> Shown:
        options = begin.options
        if unknown := set(options) - set(RESTART_OPTIONS):
            known = ", ".join(RESTART_OPTIONS)
            raise ClientError(f"no option '{unknown.pop()}' (known: {known})")
        if row in self._sessions:
            with contextlib.suppress(SessionOver):
                await self._sessions.pop(row).end()
        snapshot = options.get("snapshot")
        self._sessions[row] = session = await self._client.start(
            self._world.name,
            seed=None if snapshot else begin.seed,
            prompt=options.get("prompt"),
            snapshot=snapshot,
            size=(self._world.width, self._world.height),
            patience_s=self._patience_s,
        )
        frame = await session.frame(at=0.0)
        end = frame.media_time + 1 / self._world.fps
        return await self._shown(session, frame, end - self._seconds, {})

    async def _act(self, session: LiveSession, act: Act) -> Shown:
        """What is seen and heard from the first frame that shows the action on."""
        receipt = await session.input(act.buttons, act.axes)
        last = (self.spaces.frames - 1) / self._world.fps
        frame = await session.frame(at=receipt.media_time + last)
        info = {
            "world_frame": receipt.world_frame,
            "action_to_picture_s": frame.arrived - receipt.t / 1000 - last,
        }
        return await self._shown(session, frame, receipt.media_time, info)

    async def _shown(
        self, session: LiveSession, frame: Frame, start: float, info: dict[str, Any]
    ) -> Shown:
        """A picture, and the sound of a step from media time `start` on."""
        sound, info = None, info | {"media_time": frame.media_time}
        if self._world.sample_rate is not None:
            sound = await heard(session, start, self._seconds, self._world.sample_rate)
            info["sound_late"] = sound is None
        return self.spaces.seen(frame.picture, sound), info

    async def _close(self) -> None:
        for session in self._sessions.values():
            with contextlib.suppress(ClientError):  # the server may be gone
                await session.end()
        await self._client.close()


async def heard(
    session: Audible, start: float, seconds: float, rate: int, patience_s: float = SOUND_PATIENCE_S
) -> Samples | None:
    """Sound as `LiveSession.sound` has it; None where it does not come: a server that has not
    the time for it leaves it out."""
    try:
        return await session.sound(start, seconds, rate, patience_s)
    except Late:
        return None


async def _client(url: str, token: str | None) -> Client:
    return Client(url, token)


async def _world(client: Client, name: str | None) -> World:
    worlds = await client.worlds()
    for world in worlds:
        if name in (None, world.name):
            return world
    known = ", ".join(world.name for world in worlds)
    raise ClientError(f"'{name}' is not served at {client.url} (known: {known})")


async def _all(turns: list[Coroutine[Any, Any, Shown]]) -> list[Shown]:
    """At the same time; where one raises, the others are waited for first."""
    done = await asyncio.gather(*turns, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]
