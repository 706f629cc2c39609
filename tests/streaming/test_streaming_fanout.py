"""Queues of slow viewers, and the spacing of keyframes."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightcone.streaming.encoding.keyframes import KeyframeGate
from lightcone.streaming.packets import EncodedPicture, Lane, VideoCodec
from lightcone.streaming.viewers.fanout import MediaPacket, PacketQueue
from lightcone.streaming.viewers.picture_fanout import PictureFanout


def packet(number: int, keyframe: bool) -> MediaPacket:
    return MediaPacket((b"x",), timestamp=number, ntp=0, keyframe=keyframe)


def drain(queue: PacketQueue) -> list[MediaPacket]:
    async def read() -> list[MediaPacket]:
        return [await queue.get() for _ in range(len(queue))]

    return asyncio.run(read())


def test_a_queue_opens_with_a_keyframe() -> None:
    queue = PacketQueue()
    queue.put(packet(0, keyframe=False))
    assert queue.waits_for_keyframe
    assert (len(queue), queue.dropped) == (0, 1)
    queue.put(packet(1, keyframe=True))
    queue.put(packet(2, keyframe=False))
    assert [p.timestamp for p in drain(queue)] == [1, 2]


def test_overflow_drops_to_the_next_keyframe() -> None:
    queue = PacketQueue(limit=3)
    for number in range(4):
        queue.put(packet(number, keyframe=number == 0))
    assert queue.waits_for_keyframe
    assert (len(queue), queue.dropped) == (0, 4)
    queue.put(packet(4, keyframe=False))
    queue.put(packet(5, keyframe=True))
    assert [p.timestamp for p in drain(queue)] == [5]


def test_a_shut_queue_keeps_what_it_has_and_waits_for_a_keyframe() -> None:
    queue = PacketQueue()
    queue.put(packet(0, keyframe=True))
    queue.shut()
    queue.put(packet(1, keyframe=False))
    queue.put(packet(2, keyframe=True))
    assert [p.timestamp for p in drain(queue)] == [0, 2]


def test_what_was_taken_is_counted_and_what_was_dropped_is_not() -> None:
    queue = PacketQueue(limit=2)
    for number in range(3):  # one too many
        queue.put(MediaPacket((b"lost",), number, 0, keyframe=True))
    queue.put(MediaPacket((b"abc", b"de"), 3, 0, keyframe=True))
    drain(queue)
    assert (queue.taken_payloads, queue.taken_bytes) == (3, 9)


def picture(pts: int, keyframe: bool = False) -> EncodedPicture:
    return EncodedPicture(Lane.VP8, b"\0" * 10, pts, 0, keyframe, pts // 3750)


def test_timestamps_go_on_when_another_worker_takes_over() -> None:
    fanout, queue = PictureFanout(VideoCodec.VP8), PacketQueue()
    fanout.queues.add(queue)
    fanout.send(picture(0, keyframe=True))
    fanout.send(picture(7500))
    fanout.send(picture(7500, keyframe=True))  # the new worker shows the last picture once more
    fanout.send(picture(11250))
    assert [p.timestamp for p in drain(queue)] == [0, 7500, 7501, 11250]


def test_a_picture_from_the_past_is_dropped_and_what_builds_on_it_too() -> None:
    fanout, queue = PictureFanout(VideoCodec.VP8), PacketQueue()
    fanout.queues.add(queue)
    fanout.send(picture(7500, keyframe=True))
    assert fanout.send(picture(3750, keyframe=True)) is None
    assert fanout.waits_for_keyframe
    fanout.send(picture(11250))
    fanout.send(picture(15000, keyframe=True))
    assert not fanout.waits_for_keyframe
    assert [p.timestamp for p in drain(queue)] == [7500, 15000]


@settings(deadline=None)
@given(
    limit=st.integers(1, 8),
    steps=st.lists(st.sampled_from(["keyframe", "picture", "read"]), max_size=60),
)
def test_a_reader_never_sees_a_picture_without_what_it_builds_on(
    limit: int, steps: list[str]
) -> None:
    async def scenario() -> None:
        queue = PacketQueue(limit)
        put, read = 0, []
        for step in steps:
            if step != "read":
                queue.put(packet(put, keyframe=step == "keyframe"))
                put += 1
            elif len(queue):
                read.append(await queue.get())
            assert len(queue) <= limit
            assert len(read) + len(queue) + queue.dropped == put
        for before, after in zip([None, *read], read, strict=False):
            follows = before is not None and after.timestamp == before.timestamp + 1
            assert after.keyframe or follows

    asyncio.run(scenario())


async def test_a_reader_waits_for_the_next_packet() -> None:
    queue = PacketQueue()
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not reader.done()
    queue.put(packet(1, keyframe=True))
    assert (await reader).timestamp == 1


async def test_a_reader_outlives_an_overflow_before_its_turn() -> None:
    queue = PacketQueue(limit=2)
    reader = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    for number in range(3):  # all before the reader runs
        queue.put(packet(number, keyframe=number == 0))
    await asyncio.sleep(0)
    assert not reader.done()
    queue.put(packet(3, keyframe=True))
    assert (await reader).timestamp == 3


def test_the_first_keyframe_is_made_when_asked_for() -> None:
    gate = KeyframeGate(0.3)
    assert gate.ready_at() == math.inf
    gate.request()
    assert gate.ready_at() <= 0.0


def test_keyframes_keep_their_distance() -> None:
    gate = KeyframeGate(0.3)
    gate.made(10.0)
    gate.request()
    gate.request()
    assert gate.ready_at() == pytest.approx(10.3)
    gate.made(10.3)
    assert gate.ready_at() == math.inf
