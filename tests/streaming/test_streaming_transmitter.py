"""Sending on the media clock, in virtual time: every moment below is exact."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_harness import FORMAT, AtOnceExecutor, coded_picture, read_code, tone
from virtual_time import run_virtual

from lightcone.streaming import (
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    MediaClock,
    StreamFormat,
    StreamSettings,
    Transmitter,
    VideoCodec,
)
from lightcone.streaming.encoding.timeline import Timeline

FRAME = 1 / 24
H264 = frozenset({VideoCodec.H264})
NOTHING: frozenset[VideoCodec] = frozenset()


class Rig:
    """A transmitter whose pictures and sound are watched, and a log of what it sent when."""

    def __init__(
        self,
        codec: VideoCodec | None = VideoCodec.H264,
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
        if codec is not None:
            self.transmitter.set_lanes(frozenset({codec}), sound=True)

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


def test_everything_goes_out_when_due_not_when_pushed() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began + 0.5)
        rig.push(frames=24)
        await rig.until(3.0)
        rig.close()
        assert rig.stamps == [3750 * i for i in range(24)]
        assert [at for at, _ in rig.pictures] == close_to([0.5 + i * FRAME for i in range(24)])
        assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(49)]
        first = rig.sounds[0][0]
        assert 0.52 < first < 0.525
        assert [at for at, _ in rig.sounds] == close_to([first + 0.02 * i for i in range(49)])

    run_virtual(scenario())


def test_just_in_time_chunks_leave_no_gap_and_no_burst() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push()
        await rig.play(36)
        await rig.until(3.0)
        rig.close()
        for log, step, clock_hz in ((rig.pictures, FRAME, 90_000), (rig.sounds, 0.02, 48_000)):
            moments = np.array([at for at, _ in log])
            stamps = np.array([packet.pts for _, packet in log])
            np.testing.assert_allclose(np.diff(moments), step, atol=0.002)
            np.testing.assert_array_equal(np.diff(stamps), round(step * clock_hz))

    run_virtual(scenario())


def test_a_late_chunk_moves_the_clock_once_and_media_time_goes_on() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=12)
        await rig.until(0.75)  # frame 12 was due at 0.5
        held = rig.clock.hold(0.5, rig.loop.time())
        rig.push(frames=12)
        await rig.until(2.0)
        rig.close()
        assert held == pytest.approx(0.25)
        assert rig.stamps == [3750 * i for i in range(24)]
        assert rig.pictures[12][0] == pytest.approx(0.75, abs=0.002)
        assert rig.pictures[23][0] == pytest.approx(0.75 + 11 * FRAME, abs=0.002)
        assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(len(rig.sounds))]
        gaps = np.diff([at for at, _ in rig.sounds])
        assert sorted(gaps)[-1] == pytest.approx(0.25 + 0.02, abs=0.004)
        assert sorted(gaps)[0] > 0.015  # nothing was hurried after it

    run_virtual(scenario())


def test_pausing_stops_and_resuming_goes_on_without_a_burst() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=24)
        await rig.until(0.51)
        rig.clock.pause(rig.loop.time())
        await rig.until(5.51)
        assert rig.pictures[-1][1].pts == 12 * 3750
        paused = (len(rig.pictures), len(rig.sounds))
        rig.clock.resume(rig.loop.time())
        await rig.until(7.0)
        rig.close()
        assert paused == (13, 25)
        assert rig.stamps == [3750 * i for i in range(24)]
        assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(49)]
        assert rig.pictures[13][0] == pytest.approx(5.0 + 13 * FRAME, abs=0.002)
        assert np.diff([at for at, _ in rig.sounds]).min() > 0.018

    run_virtual(scenario())


def test_pictures_and_sound_that_are_overtaken_are_not_sent() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began - 0.3)
        rig.push(frames=24)  # all of it was to be there 0.3 s ago
        await rig.until(0.001)
        assert rig.stamps == [7 * 3750]
        assert rig.pictures[0][1].keyframe
        assert rig.transmitter.stats().frames_skipped == 7
        assert len(rig.sounds) <= 4
        assert rig.transmitter.stats().sounds_dropped == rig.sounds[0][1].pts // 960
        rig.close()

    run_virtual(scenario())


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_who_joins_a_session_that_stands_still_sees_it_at_once(codec: VideoCodec) -> None:
    async def scenario() -> None:
        rig = Rig(None)
        rig.clock.start(rig.began)
        rig.push()
        rig.clock.pause(rig.loop.time())
        await rig.until(60.0)
        assert rig.pictures == []
        rig.transmitter.set_lanes(frozenset({codec}), sound=True)
        await rig.until(60.01)
        ((at, packet),) = rig.pictures
        assert at == pytest.approx(60.0, abs=0.002)
        assert (packet.codec, packet.keyframe, packet.pts) == (codec, True, 0)
        rig.transmitter.want_keyframe(codec)  # another one joins: once more, one tick later
        await rig.until(61.0)
        assert rig.stamps == [0, 1]
        assert all(p.keyframe for _, p in rig.pictures)
        assert rig.pictures[1][0] == pytest.approx(60.3, abs=0.002)
        rig.close()

    run_virtual(scenario())


def test_who_joins_before_the_first_picture_gets_it_as_a_keyframe() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.transmitter.want_keyframe(VideoCodec.H264)
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
            rig.transmitter.want_keyframe(VideoCodec.H264)
        await rig.until(2.0)
        rig.close()
        keyframes = [at for at, packet in rig.pictures if packet.keyframe]
        assert len(keyframes) == 5
        assert np.diff(keyframes).min() > 0.298
        stamps = [packet.pts for _, packet in rig.pictures]
        assert np.diff(stamps).min() >= 1
        assert {stamp // 3750 for stamp in stamps} == set(range(48))

    run_virtual(scenario())


def test_sender_reports_of_picture_and_sound_name_one_wall_clock() -> None:
    async def scenario() -> None:
        rig = Rig()
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
            begins = [packet.ntp / 2**32 - packet.pts / clock_hz for _, packet in log]
            wall[clock_hz] = (begins[0], begins[-1])
        np.testing.assert_allclose(wall[90_000], wall[48_000], atol=1e-4)
        assert wall[90_000][1] - wall[90_000][0] == pytest.approx(0.5, abs=1e-3)

    run_virtual(scenario())


def test_each_codec_is_encoded_only_while_somebody_watches_it() -> None:
    async def scenario() -> None:
        rig = Rig(None)
        rig.clock.start(rig.began)
        rig.push(frames=12)
        await rig.until(0.25)
        assert rig.transmitter.encode_ms == 0.0
        assert rig.sounds == []
        rig.transmitter.set_lanes(frozenset({VideoCodec.VP8}), sound=False)
        await rig.until(0.3)
        encoded = len(rig.pictures)
        assert encoded > 0
        assert rig.transmitter.encode_ms > 0
        rig.transmitter.set_lanes(NOTHING, sound=False)
        rig.transmitter.want_keyframe(VideoCodec.VP8)
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
        rig.transmitter.set_lanes(H264, sound=True)
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
                rig.transmitter.set_bitrate(200_000)
            rig.transmitter.push(noise[first : first + 2])
            await rig.until((first + 2) / 24 - 0.01)
        await rig.until(4.0)
        rig.close()
        sizes = [len(p.data) for _, p in rig.pictures]
        assert [i for i, (_, p) in enumerate(rig.pictures) if p.keyframe] == [0, 36]
        assert sum(sizes[36:]) * 8 / 1.5 < 1.4 * 200_000 < sum(sizes[:36]) * 8 / 1.5

    run_virtual(scenario())


@pytest.mark.parametrize(("fps", "rate"), [(35, 44_100), (60, 22_050), (16, None), (60, 48_000)])
def test_any_frame_rate_and_sample_rate(fps: int, rate: int | None) -> None:
    async def scenario() -> None:
        rig = Rig(format=StreamFormat(64, 48, fps, rate))
        rig.clock.start(rig.began)
        await rig.play(fps)  # two seconds
        await rig.until(3.0)
        rig.close()
        assert rig.stamps == [round(i * 90_000 / fps) for i in range(2 * fps)]
        assert rig.codes() == list(range(2 * fps))
        assert [at for at, _ in rig.pictures] == close_to([i / fps for i in range(2 * fps)])
        if rate is None:
            assert rig.sounds == []
        else:
            assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(99)]

    run_virtual(scenario())


def test_at_a_lower_rate_pictures_and_sound_last_longer() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=12)
        rig.transmitter.set_rate(Fraction(3, 4))
        begin = rig.push(frames=12)
        rig.transmitter.set_rate(Fraction(1))
        end = rig.push(frames=2)
        await rig.until(2.0)
        rig.close()
        assert begin == (12, 0.5)
        assert end == (24, pytest.approx(0.5 + 12 / 18))
        assert rig.stamps == [
            *(3750 * i for i in range(12)),
            *(45_000 + 5000 * i for i in range(13)),
            45_000 + 60_000 + 3750,
        ]
        total = 0.5 + 12 / 18 + 2 / 24
        assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(int((total - 0.004) * 50))]
        assert np.diff([at for at, _ in rig.sounds]).min() > 0.015

    run_virtual(scenario())


def test_a_cut_drops_what_is_not_shown_and_uses_its_time() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=24)
        await rig.until(0.26)  # frame 6 is shown
        rig.transmitter.cut()
        assert rig.transmitter.next_stream_frame == 7
        assert rig.transmitter.next_media_time == pytest.approx(7 * FRAME)
        pictures = np.stack([coded_picture(200 + i) for i in range(5)])
        assert rig.transmitter.push(pictures, tone(0, 5)) == (7, pytest.approx(7 * FRAME))
        await rig.until(1.0)
        rig.close()
        assert rig.stamps == [3750 * i for i in range(12)]
        assert [p.stream_frame for _, p in rig.pictures] == list(range(12))
        assert rig.codes() == [*range(7), *range(200, 205)]
        assert [p.pts for _, p in rig.sounds] == [960 * i for i in range(24)]

    run_virtual(scenario())


def test_stills_are_shown_when_they_come_and_need_no_hold() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.clock.start(rig.began)
        rig.push(frames=6)
        await rig.until(0.3)
        rig.transmitter.cut()
        begins = []
        for i in range(4):
            begins.append(rig.transmitter.still(coded_picture(100 + i)))
            await rig.until(0.3 + 0.25 * (i + 1))
        rig.transmitter.cut()
        rig.push(frames=4)
        await rig.until(3.0)
        rig.close()
        assert begins == [(6 + i, pytest.approx(0.3 + 0.25 * i)) for i in range(4)]
        assert [at for at, _ in rig.pictures[6:10]] == close_to([0.3 + 0.25 * i for i in range(4)])
        assert rig.codes() == [*range(6), 100, 101, 102, 103, 10, 11, 12, 13]
        assert rig.pictures[10][0] == pytest.approx(1.3, abs=0.002)
        assert rig.clock.stalls == 0
        stamps = [p.pts for _, p in rig.sounds]
        assert stamps == sorted(set(stamps))
        assert all(stamp % 960 == 0 for stamp in stamps)

    run_virtual(scenario())


def test_a_stream_goes_on_where_another_transmitter_ended() -> None:
    async def scenario() -> None:
        rig = Rig(stream_frame=100, media_time=3000 / 24 + 7 / 24)
        rig.clock.start(rig.began, rig.transmitter.next_media_time)
        rig.push(frames=24)
        await rig.until(2.0)
        rig.close()
        assert rig.stamps == [3750 * i for i in range(3007, 3031)]
        assert [p.stream_frame for _, p in rig.pictures] == list(range(100, 124))
        assert rig.sounds[0][1].pts == int(3007 / 24 * 50) * 960

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
        encoder = rig.transmitter._lanes[VideoCodec.H264].encoder._encoder
        assert encoder is not None
        encoder._context.encode(None)  # flushed: it takes no further picture
        await rig.until(0.5)
        rig.close()
        assert len(failures) == 1
        assert rig.stamps == [0, 3750, 3 * 3750]
        assert [p.keyframe for _, p in rig.pictures] == [True, False, True]

    run_virtual(scenario())


def test_chunks_that_do_not_fit_are_refused() -> None:
    async def scenario() -> None:
        rig, silent = Rig(), Rig(format=StreamFormat(64, 48, 24, None))
        good, sound = np.stack([coded_picture(2)]), tone(2, 1)
        for wrong, reason in ((good[:, 1:], "pictures"), (good.astype(np.float32), "pictures")):
            with pytest.raises(ValueError, match=reason):
                rig.transmitter.push(wrong, sound)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="sound"):
            rig.transmitter.push(good, sound[1:])
        with pytest.raises(ValueError, match="without sound"):
            silent.transmitter.push(good, sound)
        with pytest.raises(ValueError, match="rate"):
            rig.transmitter.set_rate(Fraction(5, 4))
        with pytest.raises(ValueError, match="bitrate"):
            rig.transmitter.set_bitrate(0)
        assert rig.transmitter.next_stream_frame == 0
        rig.close()
        silent.close()

    run_virtual(scenario())


@settings(max_examples=60, deadline=None)
@given(
    fps=st.integers(1, 120),
    begin=st.integers(0, 10**6),
    rates=st.lists(st.fractions(Fraction(1, 4), Fraction(1), max_denominator=8), max_size=20),
)
def test_frame_times_are_exact_and_grow(fps: int, begin: int, rates: list[Fraction]) -> None:
    timeline = Timeline(fps, begin, begin / fps)
    expected = Fraction(begin, fps)
    for count, rate in enumerate(rates):
        timeline.set_rate(rate)
        assert (timeline.frame, timeline.time) == (begin + count, expected)
        timeline.advance()
        expected += 1 / (fps * rate)
    timeline.skip_to(float(expected) + 1)
    assert abs(timeline.time - expected - 1) < 1e-5
    timeline.skip_to(0)
    assert timeline.time > expected
