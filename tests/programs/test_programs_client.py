"""The asynchronous client against a real server."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from PIL import Image
from serving import Served

from lightcone.client import (
    Client,
    ClientError,
    Closed,
    Frame,
    InvalidInput,
    Late,
    NotFound,
    Problem,
    Receipt,
    Refused,
    SessionOver,
    Unreachable,
    ViewerLost,
)
from lightcone.model.families.probe.picture import (
    TONE_LEVEL,
    read_axis,
    read_frame_code,
    read_ground,
)

RIGHT = 1


def frames_after(frame: Frame, receipt: Receipt) -> int:
    """How many world frames a picture is after the one that the receipt names. A server that has
    not the time shows a later one than that."""
    return read_frame_code(frame.picture)[0] - receipt.world_frame


async def test_an_input_is_in_the_picture_from_where_its_receipt_says(client: Client) -> None:
    async with await client.start("probe", seed=3) as session:
        assert [c.name for c in session.world.controls] == ["left", "right", "jump", "shoot"]
        before = await session.frame(at=0.0)
        assert not any(read_frame_code(before.picture)[1])
        pressed = await session.input(["right"])
        frame = await session.frame(at=pressed.media_time)
        assert (frame.picture.shape, frame.picture.dtype) == ((384, 512, 3), np.uint8)
        assert read_frame_code(frame.picture)[1][RIGHT]
        assert frames_after(frame, pressed) >= 0
        if frames_after(frame, pressed) == 0:
            assert session.stream_frame(frame) == pressed.stream_frame
        released = await session.input()
        after = await session.frame(at=released.media_time)
        assert not read_frame_code(after.picture)[1][RIGHT]


async def test_what_is_held_is_heard(client: Client) -> None:
    """Sound for which a busy server had not the time is left out, so it is held until it is."""
    async with await client.start("probe") as session:
        at = (await session.input(["jump"])).media_time
        loudest = 0.0
        while loudest < TONE_LEVEL - 0.1:
            heard = await session.sound(at, 0.1, 24_000)
            assert (heard.shape, heard.dtype) == ((2400,), np.float32)
            loudest, at = float(np.abs(heard).max()), at + 0.1
        assert loudest == pytest.approx(TONE_LEVEL, abs=0.1)


async def test_an_axis_is_moved_until_it_is_not(client: Client) -> None:
    async with await client.start("probe") as session:
        moved = await session.input([], {"turn": -3.0})
        frame = await session.frame(at=moved.media_time + 6 / 24)
        assert read_axis(frame.picture) == pytest.approx(-3.0, abs=0.1)
        rest = await session.input()
        frame = await session.frame(at=rest.media_time + 12 / 24)
        assert read_axis(frame.picture) == pytest.approx(0.0, abs=0.1)


async def test_a_session_begins_with_a_picture(client: Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (128, 96), (240, 20, 200)).save(file, "PNG")
    async with await client.start("probe", image=file.getvalue(), size=(128, 96)) as session:
        picture = (await session.frame()).picture
        assert np.allclose(picture[60, 64], (240, 20, 200), atol=12)
    with pytest.raises(Problem, match="bad-image"):
        await client.start("probe", image=b"no picture")


async def test_a_receipt_can_be_asked_for_later(client: Client) -> None:
    async with await client.start("probe") as session:
        first = await session.send_input(["left"])
        second = await session.send_input()
        assert (await session.receipt(second)).seq == second
        assert (await session.receipt(first)).seq == first
        with pytest.raises(ClientError, match="nothing was sent with the number"):
            await session.receipt(first)


async def test_prompts_have_receipts_and_refusals_have_names(client: Client) -> None:
    async with await client.start("probe") as session:
        given = await session.prompt("green", "blend", 3)
        assert given.full_world_frame == given.world_frame + 4
        frame = await session.frame(at=given.full_media_time)
        assert read_ground(frame.picture) == "green"
        assert (await session.prompt("red", "recache")).text == "red"
        with pytest.raises(Refused, match="unknown words in the prompt: moon") as refused:
            await session.prompt("moon")
        assert (refused.value.code, refused.value.words) == ("unknown_words", ["moon"])
        assert refused.value.known == ["red", "green", "blue"]
        with pytest.raises(InvalidInput, match="no button 'fly'"):
            await session.input(["fly"])
        with pytest.raises(InvalidInput, match=r"no axis 'lift' \(known: turn\)"):
            await session.input([], {"lift": 1.0})
        with pytest.raises(InvalidInput, match="takes strengths from -3 to 3, not 4"):
            await session.input([], {"turn": 4.0})
        assert (await session.control.ping()).media_time > 0


async def test_pictures_in_order_and_scaled(client: Client) -> None:
    async with await client.start("probe", size=(128, 96)) as session:
        seen: list[Frame] = []
        async for frame in session.frames():
            seen.append(frame)
            if len(seen) == 12:
                break
        codes = [read_frame_code(frame.picture)[0] for frame in seen]
        assert codes == sorted(set(codes))
        assert {frame.picture.shape for frame in seen} == {(96, 128, 3)}
        assert session.viewer.dropped == 0


async def test_a_world_without_sound_says_so(client: Client) -> None:
    async with await client.start("probe-long") as session:
        assert (await session.frame()).picture.shape[2] == 3
        with pytest.raises(ClientError, match="has no sound"):
            await session.sound(0.0, 0.1)


async def test_a_snapshot_goes_down_and_up_and_on(client: Client) -> None:
    async with await client.start("probe", prompt="blue") as session:
        await session.frame(at=0.5)
        kept = await session.save()
        data = await client.download(kept.id)
        assert len(data) == kept.bytes
    await client.forget(kept.id)
    with pytest.raises(NotFound, match="unknown-snapshot"):
        await client.download(kept.id)
    again = await client.upload(data)
    assert (again.world, again.world_frame) == ("probe", kept.world_frame)
    assert again.id in [each.id for each in await client.snapshots()]
    async with await client.start(snapshot=again.id) as session:
        frame = await session.frame(at=0.0)
        assert read_frame_code(frame.picture)[0] >= kept.world_frame
        assert read_ground(frame.picture) == "blue"
    with pytest.raises(Problem, match="bad-snapshot"):
        await client.upload(data[:-3])


async def test_back_in_time_and_a_fork(client: Client) -> None:
    async with await client.start("probe") as session:
        await session.frame(at=3.0)
        began = await session.backwards("start")
        await session.frame(at=began.media_time)
        stopped = await session.backwards("stop")
        assert stopped.world_frame < began.world_frame
        went = await session.rewind(world_frame=10)
        frame = await session.frame(at=went.media_time)
        assert went.world_frame <= 10
        assert read_frame_code(frame.picture)[0] >= went.world_frame
        with pytest.raises(Problem, match="too-far-back"):
            await session.rewind(seconds=1000.0)
        forked = await session.fork("green")
        async with await client.join(forked) as other:
            assert other.id != session.id
            assert read_ground((await other.frame()).picture) == "green"
        await client.end(forked.id)


async def test_the_server_records_and_logs(client: Client) -> None:
    async with await client.start("probe") as session:
        started = await session.record()
        at = (await session.input(["jump"])).media_time
        await session.frame(at=at + 0.5)
        files = await session.stop_recording()
        assert files == started
        assert (await client.file(files.video))[4:8] == b"ftyp"
        assert b'"jump"' in await client.file(files.log) + await session.log()
        with pytest.raises(NotFound, match="unknown-recording"):
            await session.stop_recording()


async def test_who_watches_may_not_steer(client: Client) -> None:
    async with await client.start("probe") as driver:
        async with await client.join(driver.id, want="spectator") as onlooker:
            assert onlooker.status.role == "spectator"
            with pytest.raises(Refused, match="not_driver"):
                await onlooker.input(["left"])
            with pytest.raises(Refused, match="not_driver"):
                await onlooker.prompt("red")
            await onlooker.control.wheel("ask")
            await driver.control.until(lambda status: bool(status.asking), "the question")
            await driver.control.wheel("give")
            await onlooker.control.until(lambda status: status.role == "driver", "the wheel")
            assert (await onlooker.input(["left"])).world_frame > 0
        assert (await client.session(driver.id)).phase == "running"


async def test_a_session_that_ends_is_named_everywhere(client: Client) -> None:
    session = await client.start("probe")
    waiting = asyncio.create_task(session.frame(at=10_000.0))
    await client.end(session.id)
    with pytest.raises(Closed, match=r"the session has ended.* \(4410\)"):
        await session.control.until(lambda status: False, "nothing")
    with pytest.raises(Closed, match="4410"):
        await session.input(["left"])
    with pytest.raises(ViewerLost):
        await waiting
    with pytest.raises(SessionOver):
        await session.save()
    await session.leave()
    with pytest.raises(Closed, match="4410"):
        await client.join(session.id)


async def test_what_is_not_there_has_a_name(client: Client, probes: Served) -> None:
    with pytest.raises(NotFound, match="unknown-world"):
        await client.start("mars")
    with pytest.raises(NotFound, match="unknown-session"):
        await client.join("nobody")
    with pytest.raises(Problem, match="invalid-request"):
        await client.start("probe", seed=-1)
    async with Client("http://127.0.0.1:9") as nowhere:
        with pytest.raises(Unreachable, match=r"no answer from http://127\.0\.0\.1:9"):
            await nowhere.worlds()
    assert [world.name for world in await client.worlds()] == ["probe", "probe-60", "probe-long"]


async def test_waiting_for_room_ends_with_the_place(probe_server: Served) -> None:
    async with Client(probe_server.url) as client:
        only = await client.start()
        with pytest.raises(Late, match="place 1 in the queue"):
            await client.start()
        waiting = asyncio.create_task(client.start(patience_s=60.0))
        await only.end()
        async with await waiting as session:
            assert (await session.frame()).picture.any()
