"""Viewers between the two lanes of a session, without a network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from lightcone.streaming import EncodedPicture, Lane, StreamSettings, VideoCodec
from lightcone.streaming.viewers.congestion.choice import Bounds
from lightcone.streaming.viewers.congestion.feedback import Limit, Reception
from lightcone.streaming.viewers.congestion.picture_lanes import PictureLanes, Watcher
from lightcone.streaming.viewers.fanout import MediaPacket

FULL, THIN = Lane.VP8, Lane.VP8_THIN
SETTINGS = StreamSettings()


@dataclass
class Stage:
    """A session of 24 pictures a second, and an encoder that makes what is asked for at once."""

    now: float = 0.0
    asked: list[Lane] = field(default_factory=list)
    frame: int = 0

    def __post_init__(self) -> None:
        self.lanes = PictureLanes(SETTINGS, lambda: self.now, self.asked.append, lambda: None)

    def join(self) -> Watcher:
        watcher = Watcher(SETTINGS)
        watcher.codec = VideoCodec.VP8
        self.lanes.join(watcher)
        return watcher

    def picture(self) -> None:
        """The next one, in all lanes that are wanted."""
        self.now += 1 / 24
        for lane, bits in self.lanes.wanted.items():
            keyframe = lane in self.asked
            self.asked[:] = [each for each in self.asked if each is not lane]
            data = bytes(bits // 8 // 24)
            picture = EncodedPicture(lane, data, self.frame * 3750, 0, keyframe, self.frame)
            self.lanes.send(picture)
        self.frame += 1

    def second(self, *watchers: Watcher) -> None:
        for _ in range(24):
            self.picture()
            for watcher in watchers:
                drain(watcher)


def drain(watcher: Watcher) -> list[MediaPacket]:
    async def read() -> list[MediaPacket]:
        return [await watcher.queue.get() for _ in range(len(watcher.queue))]

    return asyncio.run(read())


def report(stage: Stage, watcher: Watcher, second: int, lost: int = 0) -> None:
    stage.lanes.reported(watcher, Reception(second * 100, lost))


def test_a_slow_viewer_is_moved_and_the_other_notices_nothing() -> None:
    stage = Stage()
    fast, slow = stage.join(), stage.join()
    for second in range(4):
        stage.second(fast, slow)
        report(stage, fast, second)
        report(stage, slow, second, lost=85 * second)
    assert (fast.lane, slow.choice.thin) == (FULL, True)
    assert stage.lanes.moves_to_thin == 1
    stage.second(fast, slow)
    assert (fast.lane, slow.lane) == (FULL, THIN)
    assert stage.lanes.wanted[FULL] == SETTINGS.video_bitrate
    assert stage.lanes.wanted[THIN] < 300_000
    assert fast.queue.dropped == 0


def test_a_viewer_whose_line_loses_packets_gets_small_pictures() -> None:
    stage = Stage()
    calm, lossy = stage.join(), stage.join()
    for second in range(14):
        stage.second(calm, lossy)
        report(stage, calm, second)
        report(stage, lossy, second, lost=10 * second)
    assert (calm.lane, lossy.lane) == (FULL, THIN)
    assert stage.lanes.wanted[FULL] == SETTINGS.video_bitrate
    assert stage.lanes.wanted[THIN] <= Bounds(SETTINGS.video_bitrate).lossy
    for second in range(14, 30):
        stage.second(calm, lossy)
        report(stage, calm, second)
        report(stage, lossy, second, lost=130)
    assert lossy.lane is FULL


def test_the_thin_lane_is_there_only_while_somebody_watches_it() -> None:
    stage = Stage()
    watcher = stage.join()
    assert set(stage.lanes.wanted) == {FULL}
    for second in range(6):
        stage.second(watcher)
        stage.lanes.reported(watcher, Limit(200_000))
        report(stage, watcher, second)
    assert set(stage.lanes.wanted) == {THIN}
    stage.lanes.leave(watcher)
    assert stage.lanes.wanted == {}


def test_who_recovers_comes_back_at_a_keyframe() -> None:
    stage = Stage()
    watcher = stage.join()
    for second in range(4):
        stage.second(watcher)
        report(stage, watcher, second, lost=85 * second)
    assert watcher.choice.thin
    for second in range(4, 60):
        stage.second(watcher)
        report(stage, watcher, second, lost=85 * 3)
    assert watcher.lane is FULL
    assert (stage.lanes.moves_to_thin, stage.lanes.moves_to_full) == (1, 1)


def test_keyframes_are_asked_for_once_in_each_lane() -> None:
    stage = Stage()
    first, second = stage.join(), stage.join()
    assert stage.asked == [FULL]
    stage.picture()
    stage.now += 1.0
    for watcher in (first, second, first, second):
        stage.lanes.lost(watcher)
    assert stage.asked == [FULL]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["picture", "down", "up", "read", "lost", "leave"]), max_size=80))
def test_what_a_viewer_reads_can_be_decoded_and_its_time_grows(steps: list[str]) -> None:
    """Whatever happens: after a gap, or from another lane, there is a keyframe first."""
    stage = Stage()
    other, watcher = stage.join(), stage.join()
    read: list[MediaPacket] = []
    for step in steps:
        if step == "picture":
            stage.picture()
            drain(other)
        elif step in ("down", "up") and watcher.next is None and watcher.lane is not None:
            if watcher.choice.thin != (step == "down"):
                watcher.choice.thin = step == "down"
                stage.lanes._move(watcher)
        elif step == "read":
            read += drain(watcher)
        elif step == "lost":
            stage.lanes.lost(watcher)
        elif step == "leave":
            stage.lanes.leave(watcher)
    for before, after in zip([None, *read], read, strict=False):
        if before is None:
            assert after.keyframe
        else:
            assert after.timestamp > before.timestamp
            follows = after.timestamp // 3750 == before.timestamp // 3750 + 1
            assert after.keyframe or follows
