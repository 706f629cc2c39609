"""What leaves the worker. Writing never waits; if the server does not read, pictures are left out
and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightcone.server.worker.messages import LaneName, Message, Picture, encode

MOST_BYTES = 8_000_000  # that may wait before pictures are left out


class Outlet:
    """`keyframe` is called for a session and lane whose pictures can be sent again: they go on
    with a keyframe."""

    def __init__(
        self, transport: asyncio.Transport, keyframe: Callable[[str, LaneName], None]
    ) -> None:
        self._transport = transport
        self._keyframe = keyframe
        self.left_out = 0  # pictures, in all
        self._full = False
        self._broken: set[tuple[str, LaneName]] = set()  # wait for a keyframe
        transport.set_write_buffer_limits(MOST_BYTES)

    def send(self, message: Message) -> None:
        if self._transport.is_closing():
            return
        if isinstance(message, Picture) and self._is_left_out(message):
            self.left_out += 1
            return
        self._transport.write(encode(message))

    def pause(self) -> None:
        self._full = True

    def resume(self) -> None:
        self._full = False
        for session, lane in self._broken:
            self._keyframe(session, lane)

    def _is_left_out(self, picture: Picture) -> bool:
        key = picture.session, picture.lane
        if self._full:
            self._broken.add(key)
        elif picture.keyframe:
            self._broken.discard(key)
        return key in self._broken
