"""A transmitter in virtual time, and a log of what it sent when."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import av
import numpy as np
import pytest
from streaming_harness import FORMAT, AtOnceExecutor, coded_picture, read_code, tone

from lightcone.streaming import (
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    Lane,
    MediaClock,
    StreamFormat,
    StreamSettings,
    Transmitter,
)

BITS = 2_000_000


class Rig:
    """A transmitter whose pictures and sound are watched, and a log of what it sent when."""

    def __init__(
        self,
        lane: Lane | None = Lane.H264,
        format: StreamFormat = FORMAT,
        executor: Executor | None = None,
        **begin: float,
    ) -> None:
        self.pictures: list[tuple[float, EncodedPicture]] = []
        self.sounds: list[tuple[float, EncodedSound]] = []
        self.format = format
        self.loop = asyncio.get_running_loop()
        self.clock = MediaClock()
        self.transmitter = Transmitter(
            format,
            self.clock,
            StreamSettings(scale=1),
            self._log,
            executor=executor or AtOnceExecutor(),
            **begin,  # type: ignore[arg-type]
        )
        self.began = self.loop.time()
        if lane is not None:
            self.transmitter.set_lanes({lane: BITS}, sound=True)

    def push(self, frames: int = 2) -> tuple[int, float]:
        first = self.transmitter.next_stream_frame
        pictures = np.stack([coded_picture(first + i, self.format) for i in range(frames)])
        silent = self.format.sample_rate is None
        sound = None if silent else tone(first, frames, format=self.format)
        return self.transmitter.push(pictures, sound)

    def now(self) -> float:
        return self.loop.time() - self.began

    async def until(self, moment: float) -> None:
        await asyncio.sleep(self.began + moment - self.loop.time())

    async def play(self, chunks: int) -> None:
        """Push that many chunks, each 10 ms before it is due."""
        for _ in range(chunks):
            due = self.clock.due(self.transmitter.next_media_time) - self.began
            await self.until(max(due - 0.01, self.now()))
            self.push()

    def close(self) -> None:
        self.transmitter.close()

    @property
    def stamps(self) -> list[int]:
        return [picture.pts for _, picture in self.pictures]

    def codes(self) -> list[int]:
        """The frame numbers that a viewer's decoder reads."""
        decoder = av.CodecContext.create("h264", "r")
        frames = [f for _, p in self.pictures for f in decoder.decode(av.Packet(p.data))]
        frames += decoder.decode(None)
        return [read_code(frame.to_ndarray()[: frame.height]) for frame in frames]

    def _log(self, packet: EncodedPacket) -> None:
        if isinstance(packet, EncodedPicture):
            self.pictures.append((self.now(), packet))
        else:
            self.sounds.append((self.now(), packet))


def close_to(moments: list[float]) -> object:
    return pytest.approx(moments, abs=0.002)
