"""A viewer without a screen: WHEP by aiortc, each packet timed as it arrives."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from lightcone.bench.clients.progress import Progress
from lightcone.bench.errors import BenchError
from lightcone.client.media.pictures import is_keyframe
from lightcone.client.media.rtp import (
    VIDEO_HZ,
    Assembler,
    MediaTimes,
    Packet,
    Picture,
)
from lightcone.client.media.rtp_tap import (
    TappedReceiver,
    tap,
)

TIMEOUT_S = 20.0
ASK_AGAIN_S = 0.5  # for a keyframe that has not come


class HeadlessViewer:
    """Calls `on_picture` for every picture that can be decoded, which is not done, and `on_sound`
    for every packet of sound: after a loss no picture can be, before the next keyframe. Media times
    are taken to begin within 6 hours of 0."""

    def __init__(
        self,
        on_picture: Callable[[Picture], None] = lambda picture: None,
        on_sound: Callable[[Packet], None] = lambda packet: None,
    ) -> None:
        self.pictures = 0
        self.progress = Progress()
        self._on_picture = on_picture
        self._on_sound = on_sound
        self._assembler = Assembler(MediaTimes(VIDEO_HZ))
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        video = self._peer.addTransceiver("video", direction="recvonly")
        audio = self._peer.addTransceiver("audio", direction="recvonly")
        self._video: TappedReceiver = tap(video, self._picture_packet)
        tap(audio, self._sound_packet)
        self._broken = True  # until the next keyframe
        self._asked = time.monotonic()  # for a keyframe: joining asks for one
        self._session = ""

    @property
    def lost(self) -> int:
        """Packets of the picture that did not arrive in order."""
        return self._assembler.lost

    @property
    def codec(self) -> str:
        """Of the picture, as in SDP; known with the first picture."""
        return self._video.codec

    async def join(self, whep: str) -> None:
        """Watch; returns with the first picture. Raises BenchError."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        headers = {"content-type": "application/sdp"}
        offer = self._peer.localDescription.sdp
        try:
            async with _http(whep) as client:
                answer = await client.post(whep, content=offer, headers=headers)
        except httpx.HTTPError as error:
            raise BenchError(f"no answer from {whep}: {error}") from error
        if answer.status_code != 201:
            raise BenchError(f"{whep} refused the offer: {answer.text}")
        self._session = str(answer.request.url.join(answer.headers["location"]))
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await self.progress.until(lambda: self.pictures > 0, "the first picture")

    async def close(self) -> None:
        if self._session:
            with contextlib.suppress(httpx.HTTPError):  # a server that is gone has forgotten it
                async with _http(self._session) as client:
                    await client.delete(self._session)
        await self._peer.close()

    def _picture_packet(self, packet: Packet) -> bool:
        before = self._assembler.lost
        picture = self._assembler.add(packet)
        self._broken |= self._assembler.lost > before
        if picture is not None:
            self._broken &= not is_keyframe(self._video.codec, picture.data)
            if not self._broken:
                self.pictures += 1
                self._on_picture(picture)
                self.progress.notify()
        if not self._broken or packet.arrived < self._asked + ASK_AGAIN_S:
            return False
        self._asked = packet.arrived
        return True

    def _sound_packet(self, packet: Packet) -> bool:
        self._on_sound(packet)
        self.progress.notify()
        return False


def _http(url: str) -> httpx.AsyncClient:
    """Certificates are slow to load, and only of use with https."""
    return httpx.AsyncClient(timeout=TIMEOUT_S, verify=url.startswith("https:"))
