"""Viewers end to end: offers, answers, and aiortc clients that decode what arrives."""

from __future__ import annotations

import asyncio

import pytest
from streaming_harness import FORMAT, HeadlessViewer, PacedSession, read_code
from virtual_time import run_virtual

from lightcone.streaming import (
    BadOffer,
    Lane,
    SessionStream,
    StreamFormat,
    StreamSettings,
    UnknownViewer,
)

TICKS = 3750  # of the 90 kHz clock in one frame


class Stage(PacedSession):
    """A session and the counts of viewers that its stream reported."""

    def __init__(
        self, format: StreamFormat = FORMAT, settings: StreamSettings | None = None
    ) -> None:
        super().__init__(format, settings)
        self.counts: list[int] = []
        self.empty = asyncio.Event()
        self.stream.on_viewers = self._count

    def _count(self, viewers: int) -> None:
        self.counts.append(viewers)
        if viewers == 0:
            self.empty.set()


def assert_on_the_media_clock(viewer: HeadlessViewer) -> None:
    """Every picture shows the number of the frame that its timestamp names (aiortc's receiver
    counts from the first one it got); sound comes in frames of 20 ms."""
    first = viewer.pictures[0]
    origin = read_code(first.to_ndarray()[: first.height])
    for picture in viewer.pictures:
        frame = round(picture.pts / TICKS)
        assert abs(picture.pts - frame * TICKS) < 4  # repeated pictures are a few ticks later
        assert read_code(picture.to_ndarray()[: picture.height]) == (origin + frame) % 256
    stamps = [sound.pts for sound in viewer.sounds]
    assert all(stamp % 960 == 0 for stamp in stamps)
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(("codec", "only"), [("H264", None), ("VP8", "VP8")])
async def test_a_viewer_sees_and_hears_the_session(codec: str, only: str | None) -> None:
    stage = Stage()
    viewer = HeadlessViewer(only)
    stage.play()
    ident = await viewer.join(stage.stream.offer)
    await viewer.watch(pictures=20, sounds=40)
    assert stage.stream.viewers == 1
    assert codec in (viewer.peer.remoteDescription.sdp.split("a=rtpmap:")[1])
    assert_on_the_media_clock(viewer)
    stats = stage.stream.stats()
    assert stats.frames_sent >= 20
    assert stats.keyframes >= 1
    await stage.stream.end_viewer(ident)
    await viewer.gone.wait()
    assert stage.counts == [1, 0]
    with pytest.raises(UnknownViewer):
        await stage.stream.end_viewer(ident)
    await stage.close()
    await viewer.close()


async def test_viewers_of_both_codecs_share_a_session() -> None:
    stage = Stage()
    viewers = [HeadlessViewer(), HeadlessViewer("VP8"), HeadlessViewer(audio=False)]
    stage.play()
    for viewer in viewers:
        await viewer.join(stage.stream.offer)
    await asyncio.gather(*(viewer.watch(pictures=8) for viewer in viewers))
    assert stage.stream.viewers == 3
    assert viewers[2].sounds == []
    for viewer in viewers:
        assert_on_the_media_clock(viewer)
    await stage.close()
    assert stage.counts == [1, 2, 3, 2, 1, 0]
    await asyncio.gather(*(viewer.close() for viewer in viewers))


async def test_another_worker_continues_the_stream() -> None:
    """Timestamps only grow and pictures go on, on the connection that is open."""
    stage = Stage()
    viewer = HeadlessViewer()
    stage.play()
    await viewer.join(stage.stream.offer)
    await viewer.watch(pictures=8)
    stage.replace_worker()
    seen = len(viewer.pictures)
    await viewer.watch(pictures=seen + 24, sounds=len(viewer.sounds) + 20)
    stamps = [picture.pts for picture in viewer.pictures]
    assert stamps == sorted(set(stamps))
    assert_on_the_media_clock(viewer)
    await stage.close()
    await viewer.close()


async def test_a_session_without_sound_at_another_frame_rate() -> None:
    stage = Stage(StreamFormat(64, 48, fps=35, sample_rate=None))
    viewer = HeadlessViewer()
    stage.play()
    _, answer = await stage.stream.offer(await viewer.offer())
    assert answer.count("a=sendonly") == answer.count("a=inactive") == 1
    await viewer.take(answer)
    await viewer.watch(pictures=20)
    assert viewer.sounds == []
    first = viewer.pictures[0]
    origin = read_code(first.to_ndarray()[: first.height])
    for picture in viewer.pictures:
        frame = round(picture.pts * 35 / 90_000)
        assert abs(picture.pts - frame * 90_000 / 35) < 5
        assert read_code(picture.to_ndarray()[: picture.height]) == (origin + frame) % 256
    await stage.close()
    await viewer.close()


async def test_places_are_taken_while_an_offer_is_answered() -> None:
    stage = Stage()
    viewer = HeadlessViewer()
    answering = asyncio.create_task(stage.stream.offer(await viewer.offer()))
    await asyncio.sleep(0)
    assert stage.stream.occupancy == 1
    ident, _ = await answering
    assert (stage.stream.occupancy, stage.stream.viewers) == (1, 0)
    with pytest.raises(BadOffer):
        await stage.stream.offer("no offer")
    assert stage.stream.occupancy == 1
    await stage.stream.end_viewer(ident)
    assert stage.stream.occupancy == 0
    await stage.close()
    await viewer.close()


async def test_what_viewers_watch_is_reported_and_keyframes_are_asked_for_once() -> None:
    stream = SessionStream(FORMAT)
    lanes: list[tuple[set[str], bool]] = []
    wanted: list[Lane] = []
    stream.on_lanes = lambda codecs, sound: lanes.append(({c.value for c in codecs}, sound))
    stream.on_keyframe_wanted = wanted.append
    full = asyncio.Event()
    stream.on_viewers = lambda viewers: full.set() if viewers == 3 else None
    viewers = [HeadlessViewer(audio=False), HeadlessViewer("VP8"), HeadlessViewer("VP8")]
    idents = [await viewer.join(stream.offer) for viewer in viewers]
    await full.wait()
    for ident in idents:
        await stream.end_viewer(ident)
    assert lanes == [
        ({"H264"}, False),
        ({"H264", "VP8"}, True),
        ({"VP8"}, True),
        (set(), False),
    ]
    assert set(wanted) == {Lane.H264, Lane.VP8}
    await stream.close()
    await asyncio.gather(*(viewer.close() for viewer in viewers))


def test_one_viewers_losses_cost_the_others_few_keyframes() -> None:
    """A viewer that reports a loss with every packet that it gets, for ten seconds; and the one
    beside it, whose single report is heard."""

    async def scenario() -> None:
        stage = Stage()
        noisy, neighbour = HeadlessViewer(audio=False), HeadlessViewer(audio=False)
        await noisy.join(stage.stream.offer)
        await neighbour.join(stage.stream.offer)
        await asyncio.sleep(1)
        wanted: list[Lane] = []
        stage.stream.on_keyframe_wanted = wanted.append
        first, second = [viewer.peer for viewer in stage.stream._viewers.values()]
        [of_noisy], [of_neighbour] = first.getSenders(), second.getSenders()
        for _ in range(1000):
            of_noisy._send_keyframe()
            await asyncio.sleep(0.01)
        assert len(wanted) in range(10, 10 + 3 + 1)
        await asyncio.sleep(0.5)
        before = len(wanted)
        of_neighbour._send_keyframe()
        assert len(wanted) == before + 1
        await stage.close()
        await asyncio.gather(noisy.close(), neighbour.close())

    run_virtual(scenario())


async def test_a_viewer_who_leaves_is_noticed() -> None:
    stage = Stage()
    viewer = HeadlessViewer()
    stage.play()
    ident = await viewer.join(stage.stream.offer)
    await viewer.close()
    await stage.empty.wait()
    with pytest.raises(UnknownViewer):
        await stage.stream.end_viewer(ident)
    await stage.close()


def test_a_viewer_who_dies_is_noticed_within_a_dozen_seconds() -> None:
    async def scenario() -> None:
        stage = Stage()
        viewer = HeadlessViewer()
        await viewer.join(stage.stream.offer)
        connection = viewer.peer.getTransceivers()[0].receiver.transport.transport._connection
        died = asyncio.get_running_loop().time()
        for protocol in connection._protocols:
            protocol.transport.abort()
        await stage.empty.wait()
        assert asyncio.get_running_loop().time() - died < 12
        await stage.close()
        await viewer.close()

    run_virtual(scenario())


def test_a_viewer_who_never_connects_is_let_go() -> None:
    async def scenario() -> None:
        stage = Stage(settings=StreamSettings(connect_timeout_s=15.0))
        viewer = HeadlessViewer()
        ident, _ = await stage.stream.offer(await viewer.offer())
        await asyncio.sleep(16)
        with pytest.raises(UnknownViewer):
            await stage.stream.end_viewer(ident)
        assert stage.counts == []
        await viewer.close()
        await stage.close()

    run_virtual(scenario())


async def test_closing_with_viewers_in_every_state_leaves_no_task() -> None:
    stage = Stage()
    connected, answered, dropped = HeadlessViewer(), HeadlessViewer(), HeadlessViewer()
    stage.play()
    await connected.join(stage.stream.offer)
    await stage.stream.offer(await answered.offer())
    ident, _ = await stage.stream.offer(await dropped.offer())
    await stage.stream.end_viewer(ident)
    await stage.close()
    with pytest.raises(BadOffer, match="ended"):
        await stage.stream.offer(await answered.offer())
    for viewer in (connected, answered, dropped):
        await viewer.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
