"""What is encoded for whom: codecs, keyframes, bitrates, and encoders that are slow or fail."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest
from transmitter_rig import BITS, Rig
from virtual_time import run_virtual

from lightcone.streaming import Lane

NOTHING: dict[Lane, int] = {}


@pytest.mark.parametrize("lane", list(Lane))
def test_who_joins_a_session_that_stands_still_sees_it_at_once(lane: Lane) -> None:
    async def scenario() -> None:
        rig = Rig(None)
        rig.clock.start(rig.began)
        rig.push()
        rig.clock.pause(rig.loop.time())
        await rig.until(60.0)
        assert rig.pictures == []
        rig.transmitter.set_lanes({lane: BITS}, sound=True)
        await rig.until(60.01)
        ((at, packet),) = rig.pictures
        assert at == pytest.approx(60.0, abs=0.002)
        assert (packet.lane, packet.keyframe, packet.pts) == (lane, True, 0)
        rig.transmitter.want_keyframe(lane)  # another one joins: once more, one tick later
        await rig.until(61.0)
        assert rig.stamps == [0, 1]
        assert all(p.keyframe for _, p in rig.pictures)
        assert rig.pictures[1][0] == pytest.approx(60.3, abs=0.002)
        rig.close()

    run_virtual(scenario())


def test_who_joins_before_the_first_picture_gets_it_as_a_keyframe() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.transmitter.want_keyframe(Lane.H264)
        await rig.until(1.0)
        rig.clock.start(rig.loop.time())
        rig.push()
        await rig.until(1.01)
        rig.close()
        assert [(p.pts, p.keyframe) for _, p in rig.pictures] == [(0, True)]

    run_virtual(scenario())


def test_lost_pictures_bring_keyframes_at_most_every_300_ms() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=48)
        for step in range(100):
            await rig.until(0.1 + step * 0.01)
            rig.transmitter.want_keyframe(Lane.H264)
        await rig.until(2.0)
        rig.close()
        keyframes = [at for at, packet in rig.pictures if packet.keyframe]
        assert len(keyframes) == 5
        assert np.diff(keyframes).min() > 0.298
        stamps = [packet.pts for _, packet in rig.pictures]
        assert np.diff(stamps).min() >= 1
        assert {stamp // 3750 for stamp in stamps} == set(range(48))

    run_virtual(scenario())


def test_each_codec_is_encoded_only_while_somebody_watches_it() -> None:
    async def scenario() -> None:
        rig = Rig(None)
        rig.clock.start(rig.began)
        rig.push(frames=12)
        await rig.until(0.25)
        assert rig.transmitter.stats().busy_s == 0.0
        assert rig.sounds == []
        rig.transmitter.set_lanes({Lane.VP8: BITS}, sound=False)
        await rig.until(0.3)
        encoded = len(rig.pictures)
        assert encoded > 0
        assert rig.transmitter.stats().busy_s > 0
        rig.transmitter.set_lanes(NOTHING, sound=False)
        rig.transmitter.want_keyframe(Lane.VP8)
        await rig.until(1.0)
        rig.close()
        assert len(rig.pictures) == encoded
        assert rig.sounds == []

    run_virtual(scenario())


def test_who_comes_back_gets_a_keyframe_and_sound_on_time() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=24)
        await rig.until(0.3)
        rig.transmitter.set_lanes(NOTHING, sound=False)
        await rig.until(0.71)
        seen, heard = len(rig.pictures), len(rig.sounds)
        rig.transmitter.set_lanes({Lane.H264: BITS}, sound=True)
        await rig.until(1.5)
        rig.close()
        assert seen == 8
        assert rig.pictures[8][1].keyframe
        assert rig.pictures[8][0] == pytest.approx(0.71, abs=0.002)
        assert [p.pts // 3750 for _, p in rig.pictures[8:]] == list(range(17, 24))
        stamps = [p.pts for _, p in rig.sounds[heard:]]
        assert stamps[0] == 37 * 960  # frame 18 begins at 0.75 s, within this packet
        assert set(np.diff(stamps)) == {960}

    run_virtual(scenario())


def test_a_new_bitrate_begins_with_a_keyframe_and_is_kept() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        noise = np.random.default_rng(0).integers(0, 256, (72, 48, 64, 3), np.uint8)
        for first in range(0, 72, 2):
            if first == 36:
                rig.transmitter.set_lanes({Lane.H264: 200_000}, sound=True)
            rig.transmitter.push(noise[first : first + 2])
            await rig.until((first + 2) / 24 - 0.01)
        await rig.until(4.0)
        rig.close()
        sizes = [len(p.data) for _, p in rig.pictures]
        assert [i for i, (_, p) in enumerate(rig.pictures) if p.keyframe] == [0, 36]
        assert sum(sizes[36:]) * 8 / 1.5 < 1.4 * 200_000 < sum(sizes[:36]) * 8 / 1.5

    run_virtual(scenario())


class HeldExecutor(Executor):
    """A thread that can be kept from working."""

    def __init__(self) -> None:
        self.may_run = threading.Event()
        self._thread = ThreadPoolExecutor(1)

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        def held():  # type: ignore[no-untyped-def]
            self.may_run.wait()
            return fn(*args, **kwargs)

        return self._thread.submit(held)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.may_run.set()
        self._thread.shutdown(wait, cancel_futures=cancel_futures)


async def test_while_an_encode_is_under_way_the_newest_picture_wins() -> None:
    executor = HeldExecutor()
    rig = Rig(executor=executor)
    rig.clock.start(rig.loop.time() - 10.0)  # all is due at once
    for _ in range(4):
        rig.push(frames=1)
    assert rig.pictures == []  # nothing has waited for the encoder
    executor.may_run.set()
    await rig.transmitter.flush()
    assert rig.stamps == [0, 3 * 3750]
    assert [p.keyframe for _, p in rig.pictures] == [True, False]
    assert rig.transmitter.stats().frames_skipped == 2
    rig.close()
    executor.shutdown()


async def test_nothing_comes_after_closing() -> None:
    executor = HeldExecutor()
    rig = Rig(executor=executor)
    rig.clock.start(rig.loop.time())
    rig.push()
    rig.close()
    rig.close()
    executor.may_run.set()
    await rig.transmitter.flush()
    rig.push()
    assert (rig.pictures, rig.sounds) == ([], [])
    executor.shutdown()


def test_an_encoder_that_fails_is_opened_anew() -> None:
    async def scenario() -> None:
        failures: list[dict[str, object]] = []
        rig = Rig()
        rig.loop.set_exception_handler(lambda _, context: failures.append(context))
        rig.clock.start(rig.began)
        rig.push(frames=4)
        await rig.until(0.05)
        encoder = rig.transmitter._lanes[Lane.H264].encoder._encoder
        assert encoder is not None
        encoder._context.encode(None)  # flushed: it takes no further picture
        await rig.until(0.5)
        rig.close()
        assert len(failures) == 1
        assert rig.stamps == [0, 3750, 3 * 3750]
        assert [p.keyframe for _, p in rig.pictures] == [True, False, True]

    run_virtual(scenario())
