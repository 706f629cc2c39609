"""The whole path over the network: a key, its receipt, and the pixels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import Served

from lightcone.server.control.protocol import (
    Error,
    Input,
    Prompt,
    PromptReceipt,
    Receipt,
    Rewind,
    RewindReceipt,
    Stall,
    Status,
    Welcome,
)

LEFT, RIGHT, JUMP, SHOOT = range(4)


@pytest.fixture
def session(probe_server: Served) -> dict[str, Any]:
    return probe_server.new_session()


@pytest.fixture
async def http(probe_server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with probe_server.client() as client:
        yield client


@pytest.fixture
async def viewer(http: httpx.AsyncClient, session: dict[str, Any]) -> AsyncIterator[ProbeViewer]:
    watching = ProbeViewer()
    await watching.join(http, session["whep"])
    yield watching
    await watching.close()


@pytest.fixture
async def driver(
    probe_server: Served, session: dict[str, Any], viewer: ProbeViewer
) -> AsyncIterator[ControlClient]:
    """Drives the session that `viewer` watches."""
    client = await ControlClient.open(probe_server.ws, session["control"])
    yield client
    await client.close()


def first_held(viewer: ProbeViewer, button: int, after: int = -1) -> int:
    return next(frame for frame, held in viewer.seen if frame > after and held[button])


async def test_a_key_is_in_the_picture_from_the_frame_that_its_receipt_names(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    welcome = await driver.receive(Welcome)
    assert welcome.role == "driver"
    assert [control.name for control in welcome.session.controls] == [
        "left",
        "right",
        "jump",
        "shoot",
    ]
    await viewer.until_first()
    await driver.send(Input(seq=1, t=10.5, buttons=["right"]))
    pressed = await driver.receive(Receipt)
    assert (pressed.seq, pressed.t) == (1, 10.5)
    assert pressed.media_time == pytest.approx(pressed.stream_frame / 24)
    await driver.send(Input(seq=7, t=20.0, buttons=[]))
    released = await driver.receive(Receipt)
    assert released.seq == 7
    await viewer.until(released.world_frame + 2)
    held = {frame: held[RIGHT] for frame, held in viewer.seen}
    for frame, shown in held.items():
        assert shown == (pressed.world_frame <= frame < released.world_frame), frame
    assert first_held(viewer, RIGHT) == pressed.world_frame


async def test_a_tap_shorter_than_a_chunk_is_seen(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until_first()
    await driver.send(Input(seq=1, t=0, buttons=["jump"]))
    await driver.send(Input(seq=2, t=0, buttons=[]))
    pressed = await driver.receive(Receipt, seq=1)
    released = await driver.receive(Receipt, seq=2)
    assert released.world_frame > pressed.world_frame
    await viewer.until(released.world_frame)
    assert first_held(viewer, JUMP) == pressed.world_frame


async def test_a_prompt_is_in_the_picture_from_the_frames_that_its_receipt_names(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    welcome = await driver.receive(Welcome)
    assert (welcome.session.prompt, welcome.session.words) == ("grammar", ["red", "green", "blue"])
    await viewer.until_first()
    await driver.send(Prompt(seq=1, t=10.5, text="green", how="blend", chunks=3))
    given = await driver.receive(PromptReceipt)
    assert (given.seq, given.t, given.text) == (1, 10.5, "green")
    assert given.full_world_frame == given.world_frame + 4
    assert given.full_stream_frame == given.stream_frame + 4
    assert given.full_media_time == pytest.approx(given.media_time + 4 / 24)
    await driver.receive(Status, prompt="green")
    await driver.send(Prompt(seq=2, t=0.0, text="green moon"))
    refused = await driver.receive(Error)
    assert (refused.code, refused.words) == ("unknown_words", ["moon"])
    assert refused.known == ["red", "green", "blue"]
    await viewer.until(given.full_world_frame + 4)
    for frame, ground in viewer.grounds.items():
        assert ground == "" or frame >= given.world_frame, frame
        assert ground == "green" or frame < given.full_world_frame, frame


async def test_an_axis_is_in_the_picture_and_goes_back_to_rest(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    [turn] = (await driver.receive(Welcome)).session.axes
    assert (turn.name, turn.low, turn.high, turn.mouse) == ("turn", -3.0, 3.0, "x")
    await viewer.until_first()
    await driver.send(Input(seq=1, t=1000.0, buttons=[], axes={"turn": 3.0}))
    moved = await driver.receive(Receipt)
    await viewer.until(moved.world_frame + 4)
    assert viewer.axes[moved.world_frame + 3] == pytest.approx(3.0, abs=0.1)
    await driver.send(Input(seq=2, t=2000.0, buttons=[]))
    rest = await driver.receive(Receipt)
    await viewer.until(rest.world_frame + 4)
    assert viewer.axes[rest.world_frame + 3] == pytest.approx(0.0, abs=0.1)


async def test_a_session_that_nobody_watches_stands(
    probe_server: Served, http: httpx.AsyncClient, session: dict[str, Any]
) -> None:
    driver = await ControlClient.open(probe_server.ws, session["control"])
    assert (await driver.receive(Status)).phase == "starting"
    viewer = ProbeViewer()
    await viewer.join(http, session["whep"])
    await driver.receive(Status, phase="running")
    await viewer.until(10)
    await viewer.close()
    paused = await driver.receive(Status, phase="paused")
    assert paused.viewers == 0
    path, shown = f"/sessions/{session['id']}", {}
    while shown != (shown := (await http.get(path)).json()):
        pass  # the worker's clock stops a moment later
    assert shown["phase"] == "paused"
    again = ProbeViewer("VP8")
    await again.join(http, session["whep"])
    await driver.receive(Status, phase="running")
    await again.until(shown["world_frame"] + 10)
    assert again.seen[0][0] >= shown["world_frame"] - 2
    await again.close()
    await driver.close()


async def test_a_driver_gives_the_wheel_away_and_everything_is_released(
    probe_server: Served, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    first = await ControlClient.open(probe_server.ws, session["control"])
    await first.receive(Welcome, role="driver")
    onlooker = await ControlClient.open(probe_server.ws, session["control"], "spectator")
    await onlooker.receive(Welcome, role="spectator")
    second = await ControlClient.open(probe_server.ws, session["control"])
    seat = (await second.receive(Welcome, role="spectator")).seat
    await first.receive(Status, asking=[seat])
    await second.send(Input(seq=1, t=0, buttons=["left"]))
    await second.receive(Error, code="not_driver")
    await first.send(Input(seq=9, t=0, buttons=["shoot"]))
    shot = await first.receive(Receipt)
    await viewer.until(shot.world_frame + 1)
    await first.close()
    await second.receive(Status, role="driver")  # after the grace time
    await second.send(Input(seq=1, t=0, buttons=["left"]))
    left = await second.receive(Receipt, seq=1)
    await viewer.until(left.world_frame)
    assert dict(viewer.seen)[left.world_frame] == (True, False, False, False)
    assert not any(
        message.role == "driver" for message in onlooker.log if isinstance(message, Status)
    )
    await second.close()
    await onlooker.close()


async def test_going_back_shows_an_earlier_frame_and_the_stream_goes_on(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until(60)
    await driver.send(Rewind(seq=1, t=3.5, action="to", world_frame=30))
    went = await driver.receive(RewindReceipt)
    assert (went.seq, went.t, went.action) == (1, 3.5, "to")
    assert 0 <= went.world_frame <= 30
    assert went.stream_frame >= 60
    await viewer.until_back()
    await viewer.until_more(30)
    frames = [frame for frame, _ in viewer.seen]
    back = next(i for i, frame in enumerate(frames) if i and frame < frames[i - 1])
    assert frames[back] == pytest.approx(went.world_frame, abs=2)
    assert viewer.times == sorted(set(viewer.times))
    await driver.send(Rewind(seq=2, t=4.5, action="to", world_frame=10_000))
    refused = await driver.receive(Error)
    assert (refused.code, refused.seq, refused.fatal) == ("rewind_failed", 2, False)


async def test_running_backwards_until_it_is_stopped(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until(80)
    await driver.send(Rewind(seq=1, t=0, action="start"))
    began = await driver.receive(RewindReceipt, action="start")
    await viewer.until_more(3)
    await driver.send(Rewind(seq=2, t=0, action="stop"))
    stopped = await driver.receive(RewindReceipt, action="stop")
    assert stopped.world_frame < began.world_frame
    await viewer.until_back()
    await viewer.until_more(10)
    assert viewer.seen[-1][0] < began.world_frame
    assert viewer.times == sorted(set(viewer.times))


async def test_viewers_leave_once(
    http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer
) -> None:
    assert viewer.location.startswith(session["whep"] + "/")
    await viewer.until_first()
    assert (await http.delete(viewer.location)).status_code == 204
    second = await http.delete(viewer.location)
    assert (second.status_code, second.json()["code"]) == (404, "unknown-viewer")


async def test_deleting_a_running_session_ends_everything(
    http: httpx.AsyncClient, session: dict[str, Any], viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until_first()
    path = f"/sessions/{session['id']}"
    assert (await http.delete(path)).status_code == 204
    assert await driver.closed() == 4410
    assert [m.phase for m in driver.log if isinstance(m, Status)][-1] == "ended"
    for answer in (
        await http.delete(path),
        await http.post(path + "/fork"),
        await http.post(path + "/rewind", json={"seconds": 0}),
        await http.post(session["whep"], content="x", headers={"content-type": "application/sdp"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "session-over")
    over = (await http.get(path)).json()
    assert (over["phase"], over["reason"]) == ("ended", "it was deleted")
    assert (await http.get("/sessions")).json() == []


async def test_a_late_chunk_is_a_stall_that_everybody_sees(
    serve: Callable[..., Served],
) -> None:
    server = serve("--probe-compute-ms", "250", "--min-rate", "1")
    session = server.new_session()
    async with server.client() as client:
        viewer = ProbeViewer()
        await viewer.join(client, session["whep"])
        onlooker = await ControlClient.open(server.ws, session["control"], "spectator")
        stall = await onlooker.receive(Stall)
        assert stall.held_ms > 5
        status = await onlooker.receive(Status)
        assert status.stalls >= 1
        assert status.stalled_ms > 0
        await onlooker.close()
        await viewer.close()
    server.stop()
