"""A session as a program has it: what it sees and hears, and what it does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from lightcone.client.api import Api
from lightcone.client.bodies import RecordingFiles, Rewound, SessionEntry, SnapshotEntry
from lightcone.client.control import Control
from lightcone.client.errors import ClientError, SessionOver
from lightcone.client.media.rtp import SOUND_HZ
from lightcone.client.media.sound import Samples
from lightcone.client.media.timeline import Timeline
from lightcone.client.messages import (
    FromServer,
    How,
    LiveWorld,
    PromptReceipt,
    Receipt,
    RewindReceipt,
    Stall,
    Status,
)
from lightcone.client.viewer import PATIENCE_S, Frame, Viewer


class LiveSession:
    """A seat and a view of one session, made by `Client`. With `ends` it is ended at the end of an
    `async with`, else only left. All methods raise ClientError by its kinds (client/errors.py)."""

    def __init__(
        self, api: Api, entry: SessionEntry, control: Control, viewer: Viewer, *, ends: bool
    ) -> None:
        self.entry = entry
        self.control = control
        self.viewer = viewer
        self._api = api
        self._ends = ends
        self._timeline = Timeline(control.world.fps)
        self._follow(control.status)
        control.on_message = self._follow

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def world(self) -> LiveWorld:
        """What this world is: its size, rate, controls, words."""
        return self.control.world

    @property
    def status(self) -> Status:
        """The newest that the server sent."""
        return self.control.status

    async def input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> Receipt:
        """Hold exactly these buttons, and move exactly these axes, from now on. Returns with the
        receipt, which names the first frame that shows it."""
        return await self.control.input(buttons, axes)

    async def send_input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> int:
        """As `input`, without waiting; returns what `receipt` takes."""
        return await self.control.send_input(buttons, axes)

    async def receipt(self, seq: int) -> Receipt:
        """The receipt of an input that was sent."""
        return await self.control.receipt(seq)

    async def prompt(self, text: str, how: How = "cut", chunks: int = 12) -> PromptReceipt:
        """The world in new words: at once, over `chunks` chunks ("blend"), or at once with its
        cache computed anew ("recache")."""
        return await self.control.prompt(text, how, chunks)

    async def backwards(self, action: Literal["start", "stop"]) -> RewindReceipt:
        """Run back in world time from "start" until "stop"."""
        return await self.control.rewind(action)

    async def frame(self, at: float | None = None, patience_s: float = PATIENCE_S) -> Frame:
        """The first picture shown at or after media time `at`, by default the next to come."""
        return await self.viewer.frame(at, patience_s)

    async def frames(self) -> AsyncIterator[Frame]:
        """Every picture from now on, in order."""
        async for frame in self.viewer.frames():
            yield frame

    def stream_frame(self, frame: Frame) -> int | None:
        """The number of a picture in the stream; None where it can not be known: before the first
        receipt, and after a late chunk or at a lower rate until the next one."""
        return self._timeline.stream_frame(frame.media_time)

    async def sound(
        self, start: float, seconds: float, rate: int = SOUND_HZ, patience_s: float = PATIENCE_S
    ) -> Samples:
        """What is heard from media time `start` on, float32 mono (samples,) at `rate` Hz."""
        if self.world.sample_rate is None:
            raise ClientError(f"{self.world.title} has no sound")
        return await self.viewer.sound(start, seconds, rate, patience_s)

    async def rewind(
        self, *, seconds: float | None = None, world_frame: int | None = None
    ) -> Rewound:
        """Go back so many seconds of world time, or to a world frame, and on from there."""
        return await self._api.rewind(self.id, seconds=seconds, world_frame=world_frame)

    async def fork(self, prompt: str | None = None, patience_s: float = 0.0) -> SessionEntry:
        """A second session from this moment; `Client.join` takes part in it."""
        return await self._api.fork(self.id, prompt, patience_s)

    async def save(self) -> SnapshotEntry:
        """Keep a snapshot of this moment on the server, with which another session can start."""
        return await self._api.save(self.id)

    async def record(self) -> RecordingFiles:
        """Have the server record what viewers get, until `stop_recording`."""
        return await self._api.record(self.id)

    async def stop_recording(self) -> RecordingFiles:
        """The files are whole after this; `Client.file` gets them."""
        return await self._api.stop_recording(self.id)

    async def log(self) -> bytes:
        """The action log so far, JSON lines, for `lightcone replay`."""
        return await self._api.log(self.id)

    async def leave(self) -> None:
        """Take part no longer; the session goes on where others watch it."""
        await self.control.close()
        await self.viewer.close()

    async def end(self) -> None:
        """End the session for everybody."""
        await self.leave()
        await self._api.end(self.id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._ends:
            await self.leave()
            return
        with contextlib.suppress(SessionOver):  # somebody else may have ended it
            await self.end()

    def _follow(self, message: FromServer) -> None:
        match message:
            case Receipt() | PromptReceipt() | RewindReceipt():
                self._timeline.receipt(message.stream_frame, message.media_time)
            case Stall():
                self._timeline.stall(message.media_time)
            case Status():
                self._timeline.rate(message.rate, message.media_time)
            case _:
                pass
