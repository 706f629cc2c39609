"""Sending on the media clock, in virtual time: every moment below is exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from streaming_harness import coded_picture, tone
from transmitter_rig import Rig, close_to
from virtual_time import run_virtual

from lightcone.streaming import Lane, StreamFormat

FRAME = 1 / 24


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
            rig.transmitter.set_lanes({Lane.H264: 0}, sound=False)
        assert rig.transmitter.next_stream_frame == 0
        rig.close()
        silent.close()

    run_virtual(scenario())
