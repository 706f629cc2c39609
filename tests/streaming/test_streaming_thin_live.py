"""A viewer that loses most of what it is sent, over a real connection, beside one that does not."""

from __future__ import annotations

import asyncio

import numpy as np
from streaming_harness import FRAMES_PER_CHUNK, HeadlessViewer, PacedSession, tone

from lightcone.client.media.pictures import PictureDecoder, is_keyframe
from lightcone.client.media.rtp import VIDEO_HZ, Assembler, MediaTimes, Packet
from lightcone.client.media.rtp_tap import tap
from lightcone.streaming import Lane, StreamSettings

SETTINGS = StreamSettings(video_bitrate=600_000)


class Noise(PacedSession):
    """Pictures that take all the bits that they are given."""

    def push(self) -> None:
        first = self.transmitter.next_stream_frame
        shape = (FRAMES_PER_CHUNK, self.format.height, self.format.width, 3)
        frames = np.random.default_rng(first).integers(0, 256, shape, np.uint8)
        self.transmitter.push(frames, tone(first, FRAMES_PER_CHUNK))


class LossyViewer(HeadlessViewer):
    """Of five packets that come, it gets one, until `line_is_free`. `small`: it has got a
    keyframe of half the height."""

    def __init__(self) -> None:
        super().__init__()
        self.line_is_free = False
        self.small = asyncio.Event()
        self._count = 0
        self._assembler = Assembler(MediaTimes(VIDEO_HZ))
        tap(self.peer.getTransceivers()[0], self._packet)

    async def join_by(self, session: PacedSession) -> None:
        dtls = self.peer.getTransceivers()[0].receiver.transport
        whole = dtls._handle_rtp_data

        async def some(data: bytes, arrival_time_ms: int) -> None:
            self._count += 1
            if self.line_is_free or self._count % 5 == 0:
                await whole(data, arrival_time_ms=arrival_time_ms)

        dtls._handle_rtp_data = some  # type: ignore[method-assign]
        await self.join(session.stream.offer)

    def _packet(self, packet: Packet) -> bool:
        picture = self._assembler.add(packet)
        if picture is not None and is_keyframe("H264", picture.data):
            for frame in PictureDecoder("H264")(picture.data):
                if frame.height == 96:
                    self.small.set()
        return not self.small.is_set()


async def test_a_viewer_that_loses_much_gets_less_and_the_other_all() -> None:
    session = Noise(settings=SETTINGS)
    thin = asyncio.Event()
    watch = session.stream.on_lanes
    assert watch is not None

    def note(lanes: dict[Lane, int], sound: bool) -> None:
        watch(lanes, sound)
        if Lane.H264_THIN in lanes:
            thin.set()

    session.stream.on_lanes = note  # type: ignore[assignment]
    fast, slow = HeadlessViewer(), LossyViewer()
    await fast.join(session.stream.offer)
    await slow.join_by(session)
    session.play()
    async with asyncio.timeout(60):
        await thin.wait()
        slow.line_is_free = True
        await slow.small.wait()
        await fast.watch(len(fast.pictures) + 24)
    lanes = session.stream.pictures.wanted
    stats = session.stream.stats()
    await slow.close()
    await fast.close()
    await session.close()
    assert lanes[Lane.H264_THIN] < lanes[Lane.H264] == SETTINGS.video_bitrate
    assert (stats.moved_to_thin, stats.moved_to_full) == (1, 0)
    assert {(picture.width, picture.height) for picture in fast.pictures} == {(256, 192)}
    steps = np.diff([picture.pts for picture in fast.pictures])
    # each picture that was encoded; a keyframe for another viewer repeats one
    missed = round(steps.clip(3750).sum() / 3750) - len(steps)
    assert missed <= session.transmitter.stats().frames_skipped
