"""The client for programs without an event loop: the same methods, which wait.

One thread runs the asynchronous client underneath; pictures, sound and receipts arrive there
whatever the program does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from aiortc import RTCIceServer

from lightcone.client import client, session
from lightcone.client.background import Background
from lightcone.client.bodies import RecordingFiles, Rewound, SessionEntry, SnapshotEntry, World
from lightcone.client.media.rtp import SOUND_HZ
from lightcone.client.media.sound import Samples
from lightcone.client.messages import (
    How,
    LiveWorld,
    PromptReceipt,
    Receipt,
    RewindReceipt,
    Role,
    Status,
)
from lightcone.client.viewer import PATIENCE_S, Frame


class Client:
    """As `lightcone.client.Client`; to be closed, or used in a `with`."""

    def __init__(
        self, url: str, token: str | None = None, ice_servers: Sequence[RTCIceServer] = ()
    ) -> None:
        self._closed = False
        self._background = Background()
        self._client = self._background.run(_made(url, token, ice_servers))

    @property
    def url(self) -> str:
        return self._client.url

    def start(
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
        started = self._client.start(
            world,
            seed=seed,
            prompt=prompt,
            image=image,
            snapshot=snapshot,
            size=size,
            patience_s=patience_s,
        )
        return LiveSession(self._background, self._background.run(started))

    def join(
        self,
        session: str | SessionEntry,
        *,
        want: Role = "driver",
        resume: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> LiveSession:
        joined = self._client.join(session, want=want, resume=resume, size=size)
        return LiveSession(self._background, self._background.run(joined))

    def worlds(self) -> list[World]:
        return self._background.run(self._client.worlds())

    def sessions(self) -> list[SessionEntry]:
        return self._background.run(self._client.sessions())

    def session(self, id: str) -> SessionEntry:
        return self._background.run(self._client.session(id))

    def make(
        self,
        world: str | None = None,
        seed: int | None = None,
        prompt: str | None = None,
        image: bytes | None = None,
        snapshot: str | None = None,
        patience_s: float = 0.0,
    ) -> SessionEntry:
        return self._background.run(
            self._client.make(world, seed, prompt, image, snapshot, patience_s)
        )

    def fork(self, id: str, prompt: str | None = None, patience_s: float = 0.0) -> SessionEntry:
        return self._background.run(self._client.fork(id, prompt, patience_s))

    def rewind(
        self, id: str, *, seconds: float | None = None, world_frame: int | None = None
    ) -> Rewound:
        return self._background.run(
            self._client.rewind(id, seconds=seconds, world_frame=world_frame)
        )

    def end(self, id: str) -> None:
        self._background.run(self._client.end(id))

    def save(self, id: str) -> SnapshotEntry:
        return self._background.run(self._client.save(id))

    def snapshots(self) -> list[SnapshotEntry]:
        return self._background.run(self._client.snapshots())

    def download(self, snapshot: str) -> bytes:
        return self._background.run(self._client.download(snapshot))

    def upload(self, data: bytes) -> SnapshotEntry:
        return self._background.run(self._client.upload(data))

    def forget(self, snapshot: str) -> None:
        self._background.run(self._client.forget(snapshot))

    def log(self, id: str) -> bytes:
        return self._background.run(self._client.log(id))

    def record(self, id: str) -> RecordingFiles:
        return self._background.run(self._client.record(id))

    def stop_recording(self, id: str) -> RecordingFiles:
        return self._background.run(self._client.stop_recording(id))

    def file(self, path: str) -> bytes:
        return self._background.run(self._client.file(path))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._background.run(self._client.close())
        self._background.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class LiveSession:
    """As `lightcone.client.LiveSession`; to be left or ended, or used in a `with`."""

    def __init__(self, background: Background, live: session.LiveSession) -> None:
        self._background = background
        self._live = live

    @property
    def entry(self) -> SessionEntry:
        return self._live.entry

    @property
    def id(self) -> str:
        return self._live.id

    @property
    def world(self) -> LiveWorld:
        return self._live.world

    @property
    def status(self) -> Status:
        return self._live.status

    def input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> Receipt:
        return self._background.run(self._live.input(buttons, axes))

    def send_input(
        self, buttons: Sequence[str] = (), axes: Mapping[str, float] | None = None
    ) -> int:
        return self._background.run(self._live.send_input(buttons, axes))

    def receipt(self, seq: int) -> Receipt:
        return self._background.run(self._live.receipt(seq))

    def prompt(self, text: str, how: How = "cut", chunks: int = 12) -> PromptReceipt:
        return self._background.run(self._live.prompt(text, how, chunks))

    def backwards(self, action: Literal["start", "stop"]) -> RewindReceipt:
        return self._background.run(self._live.backwards(action))

    def frame(self, at: float | None = None, patience_s: float = PATIENCE_S) -> Frame:
        return self._background.run(self._live.frame(at, patience_s))

    def frames(self) -> Iterator[Frame]:
        frames = self._live.frames()
        while True:
            yield self._background.run(_next(frames))

    def stream_frame(self, frame: Frame) -> int | None:
        return self._live.stream_frame(frame)

    def sound(
        self, start: float, seconds: float, rate: int = SOUND_HZ, patience_s: float = PATIENCE_S
    ) -> Samples:
        return self._background.run(self._live.sound(start, seconds, rate, patience_s))

    def rewind(self, *, seconds: float | None = None, world_frame: int | None = None) -> Rewound:
        return self._background.run(self._live.rewind(seconds=seconds, world_frame=world_frame))

    def fork(self, prompt: str | None = None, patience_s: float = 0.0) -> SessionEntry:
        return self._background.run(self._live.fork(prompt, patience_s))

    def save(self) -> SnapshotEntry:
        return self._background.run(self._live.save())

    def record(self) -> RecordingFiles:
        return self._background.run(self._live.record())

    def stop_recording(self) -> RecordingFiles:
        return self._background.run(self._live.stop_recording())

    def log(self) -> bytes:
        return self._background.run(self._live.log())

    def leave(self) -> None:
        self._background.run(self._live.leave())

    def end(self) -> None:
        self._background.run(self._live.end())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.run(self._live.__aexit__(kind, error, trace))


async def _next(frames: AsyncIterator[Frame]) -> Frame:
    return await anext(frames)


async def _made(url: str, token: str | None, ice_servers: Sequence[RTCIceServer]) -> client.Client:
    return client.Client(url, token, ice_servers)
