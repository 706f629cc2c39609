"""Sending on the media clock, in virtual time: every moment below is exact."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from streaming_harness import FORMAT, coded_picture, tone
from virtual_time import run_virtual

from lightcone.streaming import (
    MediaClock,
    StreamSettings,
)
from lightcone.streaming.broadcast import Broadcast
from lightcone.streaming.fanout import (
    MediaPacket,
    PacketQueue,
)
from lightcone.streaming.video import VideoCodec

FRAME = 1 / 24


@dataclass
class Rig:
    """A broadcast with one viewer of H264 and sound, and a log of what it was sent when."""

    codec: VideoCodec = VideoCodec.H264
    pictures: list[tuple[float, MediaPacket]] = field(default_factory=list)
    sounds: list[tuple[float, MediaPacket]] = field(default_factory=list)
    next_frame: int = 0

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = MediaClock()
        self.broadcast = Broadcast(FORMAT, self.clock, StreamSettings(scale=1))
        self.began = self.loop.time()
        self.tasks: list[asyncio.Task[None]] = []

    def join(self) -> PacketQueue:
        video, sound = PacketQueue(), PacketQueue()
        self.tasks.append(asyncio.create_task(self._log(video, self.pictures)))
        self.tasks.append(asyncio.create_task(self._log(sound, self.sounds)))
        self.broadcast.join_video(self.codec, video)
        self.broadcast.join_sound(sound)
        return video

    def push(self, frames: int = 2) -> None:
        pictures = np.stack([coded_picture(self.next_frame + i) for i in range(frames)])
        self.broadcast.push(self.next_frame, pictures, tone(self.next_frame, frames))
        self.next_frame += frames

    def now(self) -> float:
        return self.loop.time() - self.began

    async def until(self, moment: float) -> None:
        await asyncio.sleep(self.began + moment - self.loop.time())

    async def play(self, chunks: int) -> None:
        """Push that many chunks, each 10 ms before it is due."""
        for _ in range(chunks):
            due = self.clock.due(self.next_frame) - self.began
            await self.until(max(due - 0.01, self.now()))
            self.push()

    def close(self) -> None:
        self.broadcast.close()
        for task in self.tasks:
            task.cancel()

    async def _log(self, queue: PacketQueue, log: list[tuple[float, MediaPacket]]) -> None:
        while True:
            packet = await queue.get()
            log.append((self.now(), packet))


def close_to(moments: list[float]) -> object:
    return pytest.approx(moments, abs=0.002)


def test_everything_goes_out_when_due_not_when_pushed() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began + 0.5)
        rig.push(frames=24)
        await rig.until(3.0)
        rig.close()
        assert [p.timestamp for _, p in rig.pictures] == [3750 * i for i in range(24)]
        assert [at for at, _ in rig.pictures] == close_to([0.5 + i * FRAME for i in range(24)])
        assert [p.timestamp for _, p in rig.sounds] == [960 * i for i in range(49)]
        first = rig.sounds[0][0]
        assert 0.52 < first < 0.525
        assert [at for at, _ in rig.sounds] == close_to([first + 0.02 * i for i in range(49)])

    run_virtual(scenario())


def test_just_in_time_chunks_leave_no_gap_and_no_burst() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began)
        rig.push()
        await rig.play(36)
        await rig.until(3.0)
        rig.close()
        for log, step, clock_hz in ((rig.pictures, FRAME, 90_000), (rig.sounds, 0.02, 48_000)):
            moments = np.array([at for at, _ in log])
            stamps = np.array([packet.timestamp for _, packet in log])
            np.testing.assert_allclose(np.diff(moments), step, atol=0.002)
            np.testing.assert_array_equal(np.diff(stamps), round(step * clock_hz))

    run_virtual(scenario())


def test_a_late_chunk_moves_the_clock_once_and_media_time_goes_on() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began)
        rig.push(frames=12)
        await rig.until(0.75)  # frame 12 was due at 0.5
        held = rig.clock.hold(12, rig.loop.time())
        rig.push(frames=12)
        await rig.until(2.0)
        rig.close()
        assert held == pytest.approx(0.25)
        assert [p.timestamp for _, p in rig.pictures] == [3750 * i for i in range(24)]
        assert rig.pictures[12][0] == pytest.approx(0.75, abs=0.002)
        assert rig.pictures[23][0] == pytest.approx(0.75 + 11 * FRAME, abs=0.002)
        assert [p.timestamp for _, p in rig.sounds] == [960 * i for i in range(len(rig.sounds))]
        gaps = np.diff([at for at, _ in rig.sounds])
        assert sorted(gaps)[-1] == pytest.approx(0.25 + 0.02, abs=0.004)
        assert sorted(gaps)[0] > 0.015  # nothing was hurried after it

    run_virtual(scenario())


def test_pausing_stops_and_resuming_goes_on_without_a_burst() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began)
        rig.push(frames=24)
        await rig.until(0.51)
        rig.clock.pause(rig.loop.time())
        await rig.until(5.51)
        assert rig.pictures[-1][1].timestamp == 12 * 3750
        paused = (len(rig.pictures), len(rig.sounds))
        rig.clock.resume(rig.loop.time())
        await rig.until(7.0)
        rig.close()
        assert paused == (13, 25)
        assert [p.timestamp for _, p in rig.pictures] == [3750 * i for i in range(24)]
        assert [p.timestamp for _, p in rig.sounds] == [960 * i for i in range(49)]
        assert rig.pictures[13][0] == pytest.approx(5.0 + 13 * FRAME, abs=0.002)
        assert np.diff([at for at, _ in rig.sounds]).min() > 0.018

    run_virtual(scenario())


def test_pictures_and_sound_that_are_overtaken_are_not_sent() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began - 0.3)
        rig.push(frames=24)  # all of it was to be there 0.3 s ago
        await rig.until(0.0)
        assert [p.timestamp for _, p in rig.pictures] == [7 * 3750]
        assert rig.pictures[0][1].keyframe
        assert rig.broadcast.meter.frames_skipped == 7
        assert len(rig.sounds) <= 3
        assert rig.broadcast.meter.packets_dropped == rig.sounds[0][1].timestamp // 960
        rig.close()

    run_virtual(scenario())


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_who_joins_a_world_that_stands_still_sees_it_at_once(codec: VideoCodec) -> None:
    async def scenario() -> None:
        rig = Rig(codec)
        rig.clock.start(rig.began)
        rig.push()
        rig.clock.pause(rig.loop.time())
        await rig.until(60.0)
        rig.join()
        await rig.until(60.01)
        ((at, packet),) = rig.pictures
        assert at == pytest.approx(60.0, abs=0.002)
        assert (packet.keyframe, packet.timestamp) == (True, 0)
        rig.join()  # once more, for both, one tick later
        await rig.until(61.0)
        assert [p.timestamp for _, p in rig.pictures[1:]] == [1, 1]
        assert all(p.keyframe for _, p in rig.pictures)
        rig.close()

    run_virtual(scenario())


def test_who_joins_before_the_first_picture_gets_it_as_a_keyframe() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        await rig.until(1.0)
        rig.clock.start(rig.loop.time())
        rig.push()
        await rig.until(1.01)
        rig.close()
        assert [(p.timestamp, p.keyframe) for _, p in rig.pictures] == [(0, True)]

    run_virtual(scenario())


def test_lost_pictures_bring_keyframes_at_most_every_300_ms() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began)
        rig.push(frames=48)
        for step in range(100):
            await rig.until(0.1 + step * 0.01)
            rig.broadcast.want_keyframe(VideoCodec.H264)
        await rig.until(2.0)
        rig.close()
        keyframes = [at for at, packet in rig.pictures if packet.keyframe]
        assert len(keyframes) == 5
        assert np.diff(keyframes).min() > 0.298
        stamps = [packet.timestamp for _, packet in rig.pictures]
        assert np.diff(stamps).min() >= 1
        assert {stamp // 3750 for stamp in stamps} == set(range(48))

    run_virtual(scenario())


def test_a_slow_viewer_drops_to_the_next_keyframe_and_slows_nobody() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        slow = PacketQueue(limit=4)
        rig.clock.start(rig.began)
        rig.broadcast.join_video(VideoCodec.H264, slow)
        rig.push(frames=24)
        await rig.until(1.5)
        rig.close()
        frames = {packet.timestamp // 3750 for _, packet in rig.pictures}
        assert frames == set(range(24))
        assert slow.dropped > 0
        assert len(slow) <= 4
        assert (await slow.get()).keyframe

    run_virtual(scenario())


def test_sender_reports_of_picture_and_sound_name_one_wall_clock() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.join()
        rig.clock.start(rig.began)
        rig.push(frames=48)
        await rig.until(0.8)
        rig.clock.pause(rig.loop.time())
        await rig.until(1.3)
        rig.clock.resume(rig.loop.time())
        await rig.until(4.0)
        rig.close()
        wall = {}
        for log, clock_hz in ((rig.pictures, 90_000), (rig.sounds, 48_000)):
            begins = [packet.ntp / 2**32 - packet.timestamp / clock_hz for _, packet in log]
            wall[clock_hz] = (begins[0], begins[-1])
        np.testing.assert_allclose(wall[90_000], wall[48_000], atol=1e-4)
        assert wall[90_000][1] - wall[90_000][0] == pytest.approx(0.5, abs=1e-3)

    run_virtual(scenario())


def test_each_codec_is_encoded_only_while_somebody_watches_it() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=12)
        await rig.until(0.25)
        assert rig.broadcast.meter.encode_ms == 0.0
        queue = PacketQueue()
        rig.broadcast.join_video(VideoCodec.VP8, queue)
        await rig.until(0.3)
        encoded = len(queue)
        rig.broadcast.leave_video(VideoCodec.VP8, queue)
        rig.broadcast.want_keyframe(VideoCodec.VP8)
        keyframes = rig.broadcast.meter.keyframes
        await rig.until(1.0)
        rig.close()
        assert encoded > 0
        assert len(queue) == encoded
        assert rig.broadcast.meter.keyframes == keyframes

    run_virtual(scenario())


def test_who_comes_back_gets_a_keyframe() -> None:
    async def scenario() -> None:
        rig = Rig()
        video = rig.join()
        rig.clock.start(rig.began)
        rig.push(frames=24)
        await rig.until(0.3)
        rig.broadcast.leave_video(VideoCodec.H264, video)
        await rig.until(0.71)
        seen = len(rig.pictures)
        rig.broadcast.join_video(VideoCodec.H264, video)
        await rig.until(1.5)
        rig.close()
        assert seen == 8
        assert rig.pictures[8][1].keyframe
        assert rig.pictures[8][0] == pytest.approx(0.71, abs=0.002)
        assert [p.timestamp // 3750 for _, p in rig.pictures[8:]] == list(range(17, 24))

    run_virtual(scenario())


def test_chunks_that_do_not_fit_are_refused() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.push()
        good, sound = np.stack([coded_picture(2)]), tone(2, 1)
        with pytest.raises(ValueError, match="frame 3 came where 2 follows"):
            rig.broadcast.push(3, good, sound)
        with pytest.raises(ValueError, match="pictures"):
            rig.broadcast.push(2, good[:, 1:], sound)
        with pytest.raises(ValueError, match="sound"):
            rig.broadcast.push(2, good, sound[1:])
        rig.close()

    run_virtual(scenario())
