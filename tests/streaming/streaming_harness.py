"""What the tests of streaming share: coded pictures, a paced world, a headless viewer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from lightcone.streaming import (
    MediaClock,
    StreamFormat,
    WorldStream,
)

FORMAT = StreamFormat(width=64, height=48)
CODE_BITS = 8
FRAMES_PER_CHUNK = 2

Offer = Callable[[str], Awaitable[tuple[str, str]]]


def coded_picture(frame: int, format: StreamFormat = FORMAT) -> NDArray[np.uint8]:
    """A grey picture whose top half shows the frame number mod 256 in `CODE_BITS` columns."""
    picture = np.full((format.height, format.width, 3), 100, np.uint8)
    cell = format.width // CODE_BITS
    for bit in range(CODE_BITS):
        on = frame >> (CODE_BITS - 1 - bit) & 1
        picture[: format.height // 2, bit * cell : (bit + 1) * cell] = 235 if on else 20
    return picture


def read_code(luma: NDArray[np.uint8]) -> int:
    """The frame number mod 256 in a (H, W) picture of any size."""
    height, width = luma.shape
    row = luma[height // 4]
    columns = [int((bit + 0.5) * width / CODE_BITS) for bit in range(CODE_BITS)]
    return sum((row[x] > 127) << (CODE_BITS - 1 - bit) for bit, x in enumerate(columns))


def tone(first_frame: int, frames: int, hz: float = 1000.0) -> NDArray[np.float32]:
    spf = FORMAT.samples_per_frame
    t = np.arange(first_frame * spf, (first_frame + frames) * spf) / FORMAT.sample_rate
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


class PacedWorld:
    """Pushes coded chunks with a tone just before they are due, as a scheduler would."""

    def __init__(self, stream: WorldStream, clock: MediaClock) -> None:
        self.next_frame = 0
        self._stream = stream
        self._clock = clock
        self._loop = asyncio.get_running_loop()

    def push(self) -> None:
        """Push one chunk now."""
        n = FRAMES_PER_CHUNK
        frames = np.stack([coded_picture(self.next_frame + i) for i in range(n)])
        self._stream.push(self.next_frame, frames, tone(self.next_frame, n))
        self.next_frame += n

    async def play(self) -> None:
        """Push chunk after chunk in real time until cancelled."""
        while True:
            wait = self._clock.due(self.next_frame) - 0.01 - self._loop.time()
            await asyncio.sleep(max(wait, 0))
            self.push()


class HeadlessViewer:
    """A receive-only aiortc client that keeps what it decodes."""

    def __init__(self, video_codec: str | None = None, audio: bool = True) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.pictures: list[VideoFrame] = []
        self.sounds: list[AudioFrame] = []
        self.connected = asyncio.Event()
        self.gone = asyncio.Event()
        self._grown = asyncio.Condition()
        self._readers: list[asyncio.Task[None]] = []
        self.peer.on("track", self._read)
        self.peer.on("connectionstatechange", self._on_state)
        video = self.peer.addTransceiver("video", direction="recvonly")
        if video_codec is not None:
            known = RTCRtpReceiver.getCapabilities("video").codecs
            video.setCodecPreferences([codec for codec in known if codec.name == video_codec])
        if audio:
            self.peer.addTransceiver("audio", direction="recvonly")

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def join(self, offer: Offer) -> str:
        """Offer, take the answer, wait for the connection; returns the session's id."""
        session, answer = await offer(await self.offer())
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await self.connected.wait()
        return session

    async def watch(self, pictures: int, sounds: int = 0) -> None:
        """Wait until so many pictures and sound frames have been decoded."""
        async with self._grown:
            await self._grown.wait_for(
                lambda: len(self.pictures) >= pictures and len(self.sounds) >= sounds
            )

    async def close(self) -> None:
        await self.peer.close()
        await asyncio.gather(*self._readers)

    def _read(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.ensure_future(self._keep(track)))

    async def _keep(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            async with self._grown:
                if isinstance(frame, VideoFrame):
                    self.pictures.append(frame)
                else:
                    assert isinstance(frame, AudioFrame)
                    self.sounds.append(frame)
                self._grown.notify_all()

    def _on_state(self) -> None:
        if self.peer.connectionState == "connected":
            self.connected.set()
        elif self.peer.connectionState in ("failed", "closed"):
            self.gone.set()
