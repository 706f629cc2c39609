"""A server as a program has it: its worlds, sessions and files."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Self

from aiortc import RTCIceServer

from lightcone.client.api import Api
from lightcone.client.bodies import SessionEntry
from lightcone.client.control import open_control
from lightcone.client.errors import ClientError
from lightcone.client.messages import Role
from lightcone.client.session import LiveSession
from lightcone.client.viewer import Viewer


class Client(Api):
    """The server at `url`, which may be a link with a `?key=`. `token` is sent as a bearer token.
    `ice_servers` (STUN, TURN) are used in place of those that the server names."""

    def __init__(
        self, url: str, token: str | None = None, ice_servers: Sequence[RTCIceServer] = ()
    ) -> None:
        super().__init__(url, token)
        self._ice_servers = ice_servers

    async def start(
        self,
        world: str | None = None,
        *,
        seed: int | None = None,
        prompt: str | None = None,
        image: bytes | None = None,
        snapshot: str | None = None,
        size: tuple[int, int] | None = None,
        patience_s: float = 0.0,
    ) -> LiveSession:
        """Make a session, drive and watch it; it ends at the end of an `async with`.

        `world` is by default the first of the catalogue; `image` is a PNG or JPEG file; `snapshot`
        the id of a kept one, which has all the others in it. Pictures are scaled to `size` (width,
        height). Where there is no room it waits in the queue for `patience_s` seconds. Raises
        Unreachable, Problem or one of its kinds, Late, Closed, ViewerLost.
        """
        entry = await self.make(world, seed, prompt, image, snapshot, patience_s)
        try:
            return await self._taken_part(entry, "driver", None, size, ends=True)
        except BaseException:
            with contextlib.suppress(ClientError):
                await self.end(entry.id)
            raise

    async def join(
        self,
        session: str | SessionEntry,
        *,
        want: Role = "driver",
        resume: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> LiveSession:
        """Take part in a session that is there: as its driver where it has none, or with `resume`
        in the seat of that token (`LiveSession.control.token`). Raises as `start`."""
        id = session if isinstance(session, str) else session.id
        entry = await self.session(id)
        return await self._taken_part(entry, want, resume, size, ends=False)

    async def __aenter__(self) -> Self:
        return self

    async def _taken_part(
        self,
        entry: SessionEntry,
        want: Role,
        resume: str | None,
        size: tuple[int, int] | None,
        *,
        ends: bool,
    ) -> LiveSession:
        url = "ws" + self.url.removeprefix("http") + entry.control
        control = await open_control(url, want, self.headers, resume)
        try:
            servers = self._ice_servers or await self._named_ice_servers(entry.whep)
            viewer = Viewer(self, size=size, near=entry.media_time, ice_servers=servers)
        except BaseException:
            await control.close()
            raise
        try:
            await viewer.join(entry.whep)
        except BaseException:
            await viewer.close()
            await control.close()
            raise
        return LiveSession(self, entry, control, viewer, ends=ends)
