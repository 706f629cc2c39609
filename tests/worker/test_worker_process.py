"""A worker process, for real, through the server's end of it."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest

from lightcone.model.families.probe.variants import PROBES
from lightcone.model.interface import (
    ImageError,
    PromptError,
    SnapshotError,
    UnknownWorld,
)
from lightcone.server.worker import host
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import (
    RewindError,
    UnknownSession,
    WorkerLost,
    WorkerRefused,
)
from lightcone.server.worker.host import WorkerHost

M = TypeVar("M", bound=wire.Message)

LOAD = wire.Load(
    worlds=["probe", "probe-faulty", "probe-image"],
    weights="none",
    probe_compute_ms=2.0,
    step_timeout_s=1.0,
)
SENDING = wire.Sending(1, 200_000, 32_000)
MOST_S = 60.0  # a machine that is slow must not make a test fail


class Watched:
    """A worker, and all that it sends."""

    def __init__(self, host: WorkerHost) -> None:
        self.host = host
        self.sent: dict[str, list[wire.Message]] = defaultdict(list)
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[None]]] = []
        host.on_message = self._take

    def of(self, session: str, kind: type[M]) -> list[M]:
        return [message for message in self.sent[session] if isinstance(message, kind)]

    def made(self, session: str) -> list[wire.Made]:
        return self.of(session, wire.Made)

    async def until(self, reached: Callable[[], Any]) -> None:
        """Wait for messages until this is so."""
        if not reached():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((reached, future))
            async with asyncio.timeout(MOST_S):
                await future

    async def start(self, session: str, world: str = "probe", prompt: str = "") -> wire.Opened:
        opened = await self.host.open(session, world, 1, prompt, None, SENDING)
        self.host.watch(session, True, {"H264": 2_000_000})
        return opened

    def _take(self, message: wire.OfSession | wire.Stats) -> None:
        if not isinstance(message, wire.Stats):
            self.sent[message.session].append(message)
        for waiting in list(self._waiting):
            reached, future = waiting
            if reached():
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(None)


@pytest.fixture
async def worker() -> AsyncIterator[Watched]:
    host = await WorkerHost.launch(LOAD)
    yield Watched(host)
    await host.close()


def follow(made: list[wire.Made]) -> bool:
    return all(
        b.world_frame == a.world_frame + a.frames and b.stream_frame == a.stream_frame + a.frames
        for a, b in itertools.pairwise(made)
    )


async def test_two_sessions_send_pictures_sound_and_their_log(worker: Watched) -> None:
    ready = worker.host.ready
    assert {info.name: info for info in ready.infos} == {n: PROBES[n] for n in LOAD.worlds}
    assert set(ready.costs) == {"probe"}
    assert ready.costs["probe"].encode_ms > 0
    for session in "ab":
        opened = await worker.start(session)
        assert (opened.world, opened.world_frame) == ("probe", 0)
    await worker.until(lambda: all(len(worker.made(s)) > 15 for s in "ab"))
    for session in "ab":
        pictures, sounds = worker.of(session, wire.Picture), worker.of(session, wire.Sound)
        assert pictures[0].keyframe
        assert [p.stream_frame for p in pictures] == sorted(p.stream_frame for p in pictures)
        stamps = [sound.pts for sound in sounds]  # what comes much too late is left out
        assert stamps == sorted(set(stamps))
        assert all(stamp % 960 == 0 for stamp in stamps)
        assert follow(worker.made(session))
        assert len(worker.made(session)[-1].digest) == 16
        assert worker.of(session, wire.Clock)[-1].running
    await worker.host.ping()


async def test_a_session_starts_from_an_image_and_a_prompt(worker: Watched) -> None:
    with pytest.raises(ImageError, match="needs an image"):
        await worker.host.open("a", "probe-image", 1, "", None, SENDING)
    image = np.full((96, 128, 3), 90, np.uint8)
    opened = await worker.host.open("a", "probe-image", 1, "red", image, SENDING)
    assert opened.prompt == "red"
    with pytest.raises(PromptError) as error:
        await worker.host.open("b", "probe", 1, "red moon", None, SENDING)
    assert error.value.words == ("moon",)
    with pytest.raises(UnknownWorld):
        await worker.host.open("b", "probe-60", 1, "", None, SENDING)
    assert (await worker.host.open_world("probe-faulty")).cost.step_ms.keys() >= {1, 2}


async def test_a_failing_session_fails_alone(worker: Watched) -> None:
    for session in "ab":
        await worker.start(session, "probe-faulty")
    await worker.until(lambda: len(worker.made("a")) > 5)
    await worker.host.condition("b", "raise", "cut", 1)
    await worker.until(lambda: worker.of("b", wire.SessionFailed))
    count = len(worker.made("a"))
    await worker.until(lambda: len(worker.made("a")) > count + 10)
    assert follow(worker.made("a"))
    with pytest.raises(UnknownSession):
        await worker.host.save("b")


async def test_a_hanging_session_fails_alone(worker: Watched) -> None:
    for session in "ab":
        await worker.start(session, "probe-faulty")
    await worker.until(lambda: len(worker.made("a")) > 5)
    await worker.host.condition("b", "hang", "cut", 1)
    count = len(worker.made("a"))
    await worker.until(lambda: worker.of("b", wire.SessionFailed))
    [failed] = worker.of("b", wire.SessionFailed)
    assert failed.kind == "StepTimeout"
    assert len(worker.made("a")) > count  # it went on meanwhile
    count = len(worker.made("a"))
    await worker.until(lambda: len(worker.made("a")) > count + 10)
    assert follow(worker.made("a"))
    stream_frames = [picture.stream_frame for picture in worker.of("a", wire.Picture)]
    assert stream_frames == sorted(stream_frames)


async def test_a_kept_snapshot_goes_on_in_another_worker_with_the_same_chunks(
    worker: Watched,
) -> None:
    await worker.start("a", prompt="red")
    await worker.until(lambda: len(worker.of("a", wire.Kept)) >= 1)
    kept = worker.of("a", wire.Kept)[0]
    await worker.until(lambda: worker.made("a")[-1].world_frame > kept.world_frame + 10)
    worker.host.kill()
    async with asyncio.timeout(MOST_S):
        await worker.host.lost
    with pytest.raises(WorkerLost):
        await worker.host.save("a")
    other = Watched(await WorkerHost.launch(LOAD))
    try:
        sending = replace_position(SENDING, 100, 5.0)
        opened = await other.host.restore("a", kept.snapshot, sending)
        assert (opened.world_frame, opened.prompt) == (kept.world_frame, "red")
        other.host.watch("a", True, {"H264": 2_000_000})
        await other.until(lambda: len(other.made("a")) > 5)
        digests = {made.world_frame: made.digest for made in worker.made("a")}
        again = [made for made in other.made("a") if made.world_frame in digests]
        assert len(again) > 3
        assert all(made.digest == digests[made.world_frame] for made in again)
        assert other.made("a")[0].stream_frame == 100
        with pytest.raises(SnapshotError):
            await other.host.restore("b", kept.snapshot[:-1], SENDING)
    finally:
        await other.host.close()


async def test_a_killed_worker_is_noticed_at_once(worker: Watched) -> None:
    await worker.start("a")
    os.kill(worker.host.pid, signal.SIGKILL)
    async with asyncio.timeout(MOST_S):
        await worker.host.lost
    with pytest.raises(WorkerLost):
        await worker.host.open("b", "probe", 1, "", None, SENDING)


async def test_going_back_further_than_is_kept_is_refused(worker: Watched) -> None:
    await worker.start("a")
    await worker.until(lambda: len(worker.made("a")) > 3)
    with pytest.raises(RewindError, match="after the present"):
        await worker.host.rewind("a", "to", 10_000)
    assert (await worker.host.rewind("a", "to", 0)).world_frame == 0


async def test_a_worker_that_can_not_open_its_world_says_why() -> None:
    with pytest.raises(WorkerRefused, match="unknown world 'moon'"):
        await WorkerHost.launch(msgspec.structs.replace(LOAD, worlds=["moon"]))


async def test_a_worker_that_does_not_start_in_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "LAUNCH_TIMEOUT_S", 0.0)
    with pytest.raises(WorkerRefused, match="'probe' is not open after 0 s"):
        await WorkerHost.launch(LOAD)


async def test_a_worker_ends_with_its_server(worker: Watched) -> None:
    await worker.start("a", "probe-faulty", "hang")
    pid = worker.host.pid
    await worker.host.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def replace_position(sending: wire.Sending, stream_frame: int, media_time: float) -> wire.Sending:
    return msgspec.structs.replace(sending, stream_frame=stream_frame, media_time=media_time)
