"""What the tests of streaming share: coded pictures, a paced session, a headless viewer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

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
    EncodedPacket,
    EncodedPicture,
    Lane,
    MediaClock,
    SessionStream,
    StreamFormat,
    StreamSettings,
    Transmitter,
)

FORMAT = StreamFormat(width=64, height=48)
CODE_BITS = 8
FRAMES_PER_CHUNK = 2

T = TypeVar("T")

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


def tone(
    first_frame: int, frames: int, hz: float = 1000.0, format: StreamFormat = FORMAT
) -> NDArray[np.float32]:
    """The sound of these frames: a sine that goes on from call to call."""
    rate = format.sample_rate
    assert rate is not None
    begin = format.samples(0, first_frame)
    t = np.arange(begin, begin + format.samples(first_frame, first_frame + frames)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


class AtOnceExecutor(Executor):
    """Runs what it is given at once, in no time: for virtual time."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class PacedSession:
    """A session whose encoders and viewers are in one process: pushes coded chunks with a tone
    just before they are due, as a scheduler would. `stream` is what viewers join, `last_pts` the
    time of the last picture that was sent."""

    def __init__(
        self, format: StreamFormat = FORMAT, settings: StreamSettings | None = None
    ) -> None:
        self.format = format
        self.clock = MediaClock()
        self.last_pts = -1
        self.stream = SessionStream(format, settings)
        self.stream.on_lanes = self._watch
        self.stream.on_keyframe_wanted = self._want_keyframe
        self._settings = settings or StreamSettings()
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1)
        self._lanes: tuple[Mapping[Lane, int], bool] = ({}, False)
        self.transmitter = self._new_transmitter(0, 0.0)
        self._playing: asyncio.Task[None] | None = None

    def push(self) -> None:
        """Push one chunk now. A picture's code is its stream frame."""
        n, first = FRAMES_PER_CHUNK, self.transmitter.next_stream_frame
        frames = np.stack([coded_picture(first + i, self.format) for i in range(n)])
        silent = self.format.sample_rate is None
        self.transmitter.push(frames, None if silent else tone(first, n, format=self.format))

    def play(self) -> None:
        """Start the clock, and push chunk after chunk in real time until closed."""
        self.clock.start(self._loop.time(), self.transmitter.next_media_time)
        self._playing = asyncio.create_task(self._play())

    def pause(self) -> float:
        """Stand still; returns the media time."""
        self.clock.pause(self._loop.time())
        return self.clock.media_time(self._loop.time())

    def replace_worker(self) -> None:
        """Lose the encoders; others go on from the frame after the last packet that was sent."""
        self.transmitter.close()
        frame = math.ceil(self.stream.last_media_time * self.format.fps)
        self.transmitter = self._new_transmitter(frame, frame / self.format.fps)
        self.transmitter.set_lanes(*self._lanes)

    async def close(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
        self.transmitter.close()
        await self.transmitter.flush()
        await self.stream.close()
        self._executor.shutdown()

    async def _play(self) -> None:
        while True:
            wait = self.clock.due(self.transmitter.next_media_time) - 0.01 - self._loop.time()
            if wait > 0:
                await asyncio.sleep(min(wait, 0.05))
            else:
                self.push()

    def _new_transmitter(self, stream_frame: int, media_time: float) -> Transmitter:
        return Transmitter(
            self.format,
            self.clock,
            self._settings,
            self._send,
            executor=self._executor,
            stream_frame=stream_frame,
            media_time=media_time,
        )

    def _send(self, packet: EncodedPacket) -> None:
        if isinstance(packet, EncodedPicture):
            self.last_pts = packet.pts
        self.stream.send(packet)

    def _watch(self, lanes: Mapping[Lane, int], sound: bool) -> None:
        self._lanes = (lanes, sound)
        self.transmitter.set_lanes(lanes, sound)

    def _want_keyframe(self, lane: Lane) -> None:
        self.transmitter.want_keyframe(lane)


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
        """Offer, take the answer, wait for the connection; returns the viewer's id."""
        viewer, answer = await offer(await self.offer())
        await self.take(answer)
        return viewer

    async def take(self, answer: str) -> None:
        """Take the answer and wait for the connection."""
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await self.connected.wait()

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
