"""A headless WHEP viewer of probe worlds, and a control client, both over the network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from lightcone.model.families.probe.picture import (
    read_axis,
    read_frame_code,
    read_ground,
)
from lightcone.server.control.protocol import (
    VERSION,
    Hello,
    Message,
    Role,
    decode_server,
    encode,
)

M = TypeVar("M", bound=Message)


class ProbeViewer:
    """Keeps (world frame, held buttons) of every picture, in order of arrival, and in `times` its
    media time; `axes` and `grounds` by frame; `sounds` counts the frames of sound."""

    def __init__(self, video_codec: str | None = None) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.seen: list[tuple[int, tuple[bool, ...]]] = []
        self.times: list[float] = []
        self.sounds = 0
        self.axes: dict[int, float] = {}
        self.grounds: dict[int, str] = {}
        self.location = ""
        self._grown = asyncio.Condition()
        self._over = False
        self._tracks: list[asyncio.Task[None]] = []
        self.peer.on(
            "track", lambda track: self._tracks.append(asyncio.create_task(self._read(track)))
        )
        video = self.peer.addTransceiver("video", direction="recvonly")
        if video_codec is not None:
            known = RTCRtpReceiver.getCapabilities("video").codecs
            video.setCodecPreferences([codec for codec in known if codec.name == video_codec])
        self.peer.addTransceiver("audio", direction="recvonly")

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def join(self, client: httpx.AsyncClient, whep: str) -> None:
        headers = {"content-type": "application/sdp"}
        answer = await client.post(whep, content=await self.offer(), headers=headers)
        assert answer.status_code == 201, answer.text
        self.location = answer.headers["location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))

    async def until(self, frame: int) -> None:
        """Until this frame, or a later one, has been seen."""
        await self._until(lambda: bool(self.seen) and self.seen[-1][0] >= frame)

    async def until_more(self, pictures: int) -> None:
        """Until so many more have come."""
        enough = len(self.seen) + pictures
        await self._until(lambda: len(self.seen) >= enough)

    async def until_back(self) -> None:
        """Until a picture has shown an earlier frame than the one before it."""
        await self._until(
            lambda: any(after < before for (before, _), (after, _) in pairwise(self.seen))
        )

    async def until_first(self) -> None:
        await self.until(0)

    async def _until(self, met: Callable[[], bool]) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self._over or met())
        assert met(), "the stream has ended"

    async def close(self) -> None:
        await self.peer.close()
        await asyncio.gather(*self._tracks)

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                async with self._grown:
                    self._over = True
                    self._grown.notify_all()
                return
            if track.kind == "audio":
                self.sounds += 1
            else:
                picture = frame.to_ndarray(format="rgb24")
                async with self._grown:
                    code, held = read_frame_code(picture)
                    self.seen.append((code, held))
                    self.times.append(float(frame.pts * frame.time_base))
                    self.axes[code] = read_axis(picture)
                    self.grounds[code] = read_ground(picture)
                    self._grown.notify_all()


class ControlClient:
    """Sends and receives control messages; those passed over stay in `log`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.log: list[Message] = []

    @classmethod
    async def open(
        cls, server: str, path: str, want: Role = "driver", resume: str | None = None
    ) -> ControlClient:
        """Connect and send hello; the welcome is the first message to receive."""
        client = cls(await connect(server + path))
        await client.send(Hello(version=VERSION, want=want, resume=resume))
        return client

    async def send(self, message: Message) -> None:
        await self.socket.send(encode(message))

    async def receive(self, kind: type[M], **fields: object) -> M:
        """The next message of this kind with these fields."""
        while True:
            data = await self.socket.recv()
            assert isinstance(data, bytes)
            message = decode_server(data)
            self.log.append(message)
            if isinstance(message, kind) and all(
                getattr(message, name) == value for name, value in fields.items()
            ):
                return message

    async def closed(self) -> int:
        """The close code, whatever comes before it."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                self.log.append(decode_server(data))
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
