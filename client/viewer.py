"""Watching a session: WHEP (draft-ietf-wish-whep) by aiortc, pictures and sound as arrays."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import av
import numpy as np
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from numpy.typing import NDArray

from lightcone.client.api import Api
from lightcone.client.errors import ClientError, ViewerLost
from lightcone.client.media.pictures import PictureDecoder, is_keyframe
from lightcone.client.media.rtp import (
    SOUND_HZ,
    TOLERANCE_S,
    VIDEO_HZ,
    Assembler,
    MediaTimes,
    Packet,
    Picture,
)
from lightcone.client.media.rtp_tap import tap
from lightcone.client.media.sound import Samples, SoundDecoder, SoundLine
from lightcone.client.news import News

SDP = "application/sdp"
PATIENCE_S = 30.0  # for the next picture
KEPT_FRAMES = 64  # of which the oldest is dropped for a new one
KEPT_SOUND_S = 10.0
ASK_AGAIN_S = 0.5  # for a keyframe that has not come


@dataclass(frozen=True)
class Frame:
    """A picture (H, W, 3), RGB, as it was shown from `media_time`, in seconds, on. `arrived` is
    when its last packet did, in seconds of the monotonic clock."""

    picture: NDArray[np.uint8]
    media_time: float
    arrived: float


class Viewer:
    """One WHEP connection. `size` (width, height) scales every picture, None leaves it as it was
    sent; `near` is a media time less than 6 hours from that of the first picture. `lost` counts
    packets, `dropped` pictures that nobody took in time."""

    def __init__(
        self,
        api: Api,
        *,
        size: tuple[int, int] | None = None,
        near: float = 0.0,
        ice_servers: Sequence[RTCIceServer] = (),
    ) -> None:
        self.dropped = 0
        self.frames_seen = 0
        self._api = api
        self._size = size
        self._location = ""
        self._news = News()
        self._over: ClientError | None = None
        self._frames: deque[tuple[int, Frame]] = deque(maxlen=KEPT_FRAMES)  # numbered
        self._assembler = Assembler(MediaTimes(VIDEO_HZ, near))
        self._encoded: asyncio.Queue[Picture] = asyncio.Queue()
        self._broken = True  # until the next keyframe
        self._asked = time.monotonic()  # for a keyframe: joining asks for one
        self._sound = SoundDecoder(near)
        self._line = SoundLine(KEPT_SOUND_S)
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._peer.on("connectionstatechange", self._state_changed)
        video = self._peer.addTransceiver("video", direction="recvonly")
        audio = self._peer.addTransceiver("audio", direction="recvonly")
        self._video = tap(video, self._picture_packet)
        tap(audio, self._sound_packet)
        self._decoding = asyncio.create_task(self._decode())

    @property
    def lost(self) -> int:
        return self._assembler.lost

    async def join(self, whep: str) -> None:
        """Watch the session of this path; returns with the first picture. Raises Unreachable,
        Problem, ViewerLost and Late."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = self._peer.localDescription.sdp
        answer = await self._api.request("POST", whep, content=offer, kind=SDP)
        self._location = answer.headers["Location"]
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await self._until(lambda: bool(self._frames), "the first picture", PATIENCE_S)

    async def frame(self, at: float | None = None, patience_s: float = PATIENCE_S) -> Frame:
        """The first picture shown at or after media time `at`, of the newest 64 that have come or
        of those to come; by default the next to come. Raises ViewerLost and Late."""
        number = self.frames_seen

        def found() -> Frame | None:
            for index, frame in self._frames:
                if (index >= number) if at is None else (frame.media_time > at - TOLERANCE_S):
                    return frame
            return None

        what = "the next picture" if at is None else f"the picture of media time {at:.3f} s"
        await self._until(lambda: found() is not None, what, patience_s)
        frame = found()
        assert frame is not None
        return frame

    async def frames(self) -> AsyncIterator[Frame]:
        """Every picture from now on, in order. Who takes them too slowly loses the oldest
        (`dropped`). Raises ViewerLost and Late."""
        number = self.frames_seen
        while True:
            index, frame = await self._from(number)
            self.dropped += index - number
            number = index + 1
            yield frame

    async def sound(
        self, start: float, seconds: float, rate: int = SOUND_HZ, patience_s: float = PATIENCE_S
    ) -> Samples:
        """What is heard from media time `start` on for so many seconds, at `rate` Hz, mono, within
        [-1, 1]: (samples,). Waits until it has come; what was lost, or is older than 10 s, is
        silent. Raises ViewerLost and Late, the latter also in a world without sound."""
        count = round(seconds * rate)
        end = start + count / rate
        await self._until(
            lambda: self._line.end >= end - 1 / SOUND_HZ, f"the sound up to {end:.3f} s", patience_s
        )
        return self._line.read(start, rate, count)

    async def close(self) -> None:
        """Leave."""
        if self._over is None:
            self._over = ViewerLost("this viewer left")
        self._news.notify()
        self._decoding.cancel()
        if self._location:
            with contextlib.suppress(ClientError):  # a server that is gone has forgotten it
                await self._api.request("DELETE", self._location)
        await self._peer.close()
        await asyncio.wait({self._decoding})

    async def _from(self, number: int) -> tuple[int, Frame]:
        """The first of the kept pictures with this number or a greater one."""
        await self._until(lambda: self.frames_seen > number, "the next picture", PATIENCE_S)
        return next(each for each in self._frames if each[0] >= number)

    async def _until(self, done: Callable[[], bool], what: str, patience_s: float) -> None:
        def checked() -> bool:
            if done():
                return True
            if self._over is not None:
                raise self._over
            return False

        await self._news.until(checked, what, patience_s)

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        if state in ("failed", "closed") and self._over is None:
            self._over = ViewerLost(f"the connection for picture and sound {ENDED[state]}")
            self._news.notify()

    def _picture_packet(self, packet: Packet) -> bool:
        """Returns whether a keyframe is needed."""
        before = self._assembler.lost
        picture = self._assembler.add(packet)
        self._broken |= self._assembler.lost > before
        if picture is not None:
            self._broken &= not is_keyframe(self._video.codec, picture.data)
            if not self._broken:
                self._encoded.put_nowait(picture)
        if not self._broken or packet.arrived < self._asked + ASK_AGAIN_S:
            return False
        self._asked = packet.arrived
        return True

    def _sound_packet(self, packet: Packet) -> bool:
        with contextlib.suppress(av.FFmpegError):  # one that is damaged is silent
            self._line.add(self._sound(packet))
            self._news.notify()
        return False

    async def _decode(self) -> None:
        decoder: PictureDecoder | None = None
        shown = -1.0
        while True:
            picture = await self._encoded.get()
            if decoder is None:
                decoder = PictureDecoder(self._video.codec)
            try:
                made = await asyncio.to_thread(self._drawn, decoder, picture)
            except av.FFmpegError:
                self._broken = True
                continue
            # a keyframe for another viewer repeats the picture before it
            if made is not None and picture.media_time > shown + TOLERANCE_S:
                shown = picture.media_time
                self._frames.append((self.frames_seen, made))
                self.frames_seen += 1
                self._news.notify()

    def _drawn(self, decoder: PictureDecoder, picture: Picture) -> Frame | None:
        """In a thread."""
        frames = decoder(picture.data)
        if not frames:
            return None
        width, height = self._size or (frames[-1].width, frames[-1].height)
        scaled = frames[-1].reformat(width, height, "rgb24", interpolation="AREA")
        return Frame(
            scaled.to_ndarray().astype(np.uint8, copy=False), picture.media_time, picture.arrived
        )


ENDED = {"failed": "failed", "closed": "was closed"}
