"""The whole path over the network: a key, its receipt, and the pixels."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import ServedWorld

from lightcone.bench.procfs import child_running
from lightcone.server.control.protocol import (
    Error,
    Input,
    Prompt,
    PromptReceipt,
    Receipt,
    Stall,
    Status,
    Welcome,
)

LEFT, RIGHT, JUMP, SHOOT = range(4)


@pytest.fixture
def world(probe_server: ServedWorld) -> dict[str, Any]:
    return probe_server.new_world()


@pytest.fixture
async def http(probe_server: ServedWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with probe_server.client() as client:
        yield client


@pytest.fixture
async def viewer(http: httpx.AsyncClient, world: dict[str, Any]) -> AsyncIterator[ProbeViewer]:
    watching = ProbeViewer()
    await watching.join(http, world["whep"])
    yield watching
    await watching.close()


@pytest.fixture
async def driver(
    probe_server: ServedWorld, world: dict[str, Any], viewer: ProbeViewer
) -> AsyncIterator[ControlClient]:
    """Drives the world that `viewer` watches."""
    client = await ControlClient.open(probe_server.ws, world["control"])
    yield client
    await client.close()


def first_held(viewer: ProbeViewer, button: int, after: int = -1) -> int:
    return next(frame for frame, held in viewer.seen if frame > after and held[button])


async def test_a_key_is_in_the_picture_from_the_frame_that_its_receipt_names(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    welcome = await driver.receive(Welcome)
    assert welcome.role == "driver"
    assert [control.name for control in welcome.world.controls] == [
        "left",
        "right",
        "jump",
        "shoot",
    ]
    await viewer.until_first()
    await driver.send(Input(seq=1, t=10.5, buttons=["right"]))
    pressed = await driver.receive(Receipt)
    assert (pressed.seq, pressed.t) == (1, 10.5)
    assert pressed.media_time == pressed.frame / 24
    await driver.send(Input(seq=7, t=20.0, buttons=[]))
    released = await driver.receive(Receipt)
    assert released.seq == 7
    await viewer.until(released.frame + 2)
    held = {frame: held[RIGHT] for frame, held in viewer.seen}
    for frame, shown in held.items():
        assert shown == (pressed.frame <= frame < released.frame), frame
    assert first_held(viewer, RIGHT) == pressed.frame


async def test_a_tap_shorter_than_a_chunk_is_seen(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until_first()
    await driver.send(Input(seq=1, t=0, buttons=["jump"]))
    await driver.send(Input(seq=2, t=0, buttons=[]))
    pressed = await driver.receive(Receipt, seq=1)
    released = await driver.receive(Receipt, seq=2)
    assert released.frame == pressed.frame + 2
    await viewer.until(released.frame)
    assert first_held(viewer, JUMP) == pressed.frame


async def test_a_prompt_is_in_the_picture_from_the_frames_that_its_receipt_names(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    welcome = await driver.receive(Welcome)
    assert welcome.world.words == ["red", "green", "blue"]
    await viewer.until_first()
    await driver.send(Prompt(seq=1, t=10.5, text="green", how="blend", chunks=3))
    told = await driver.receive(PromptReceipt)
    assert (told.seq, told.t, told.text) == (1, 10.5, "green")
    assert told.media_time == told.frame / 24
    assert (told.full_frame, told.full_media_time) == (told.frame + 4, (told.frame + 4) / 24)
    assert (await driver.receive(Status)).prompt == "green"
    await driver.send(Prompt(seq=2, t=0.0, text="green moon"))
    refused = await driver.receive(Error)
    assert (refused.code, refused.words) == ("unknown_words", ["moon"])
    assert refused.known == ["red", "green", "blue"]
    await viewer.until(told.full_frame + 4)
    for frame, ground in viewer.grounds.items():
        assert ground == "" or frame >= told.frame, frame
        assert ground == "green" or frame < told.full_frame, frame


async def test_an_axis_is_in_the_picture_and_goes_back_to_rest(
    viewer: ProbeViewer, driver: ControlClient
) -> None:
    [turn] = (await driver.receive(Welcome)).world.axes
    assert (turn.name, turn.low, turn.high, turn.mouse) == ("turn", -3.0, 3.0, "x")
    await viewer.until_first()
    await driver.send(Input(seq=1, t=1000.0, buttons=[], axes={"turn": 3.0}))
    moved = await driver.receive(Receipt)
    await viewer.until(moved.frame + 4)
    assert viewer.axes[moved.frame + 3] == pytest.approx(3.0, abs=0.1)
    await driver.send(Input(seq=2, t=2000.0, buttons=[]))
    rest = await driver.receive(Receipt)
    await viewer.until(rest.frame + 4)
    assert viewer.axes[rest.frame + 3] == pytest.approx(0.0, abs=0.1)


async def test_a_world_that_nobody_watches_stands_still(
    probe_server: ServedWorld, http: httpx.AsyncClient, world: dict[str, Any]
) -> None:
    driver = await ControlClient.open(probe_server.ws, world["control"])
    assert (await driver.receive(Status)).phase == "starting"
    viewer = ProbeViewer()
    await viewer.join(http, world["whep"])
    await driver.receive(Status, phase="running")
    await viewer.until(10)
    await viewer.close()
    paused = await driver.receive(Status, phase="paused")
    assert paused.viewers == 0
    shown = (await http.get(f"/worlds/{world['id']}")).json()
    assert (shown["phase"], shown["media_time"]) == ("paused", paused.media_time)
    again = ProbeViewer("VP8")
    await again.join(http, world["whep"])
    resumed = await driver.receive(Status, phase="running")
    assert resumed.media_time < paused.media_time + 0.5
    await again.until(round(paused.media_time * 24) + 10)
    assert again.seen[0][0] >= paused.media_time * 24 - 2
    await again.close()
    await driver.close()


async def test_the_wheel_goes_to_the_next_who_asked_and_everything_is_released(
    probe_server: ServedWorld, world: dict[str, Any], viewer: ProbeViewer
) -> None:
    first = await ControlClient.open(probe_server.ws, world["control"])
    await first.receive(Welcome, role="driver")
    onlooker = await ControlClient.open(probe_server.ws, world["control"], "viewer")
    await onlooker.receive(Welcome, role="viewer")
    second = await ControlClient.open(probe_server.ws, world["control"])
    await second.receive(Welcome, role="viewer")
    await second.send(Input(seq=1, t=0, buttons=["left"]))
    await second.receive(Error, code="not_driver")
    await first.send(Input(seq=9, t=0, buttons=["shoot"]))
    shot = await first.receive(Receipt)
    await viewer.until(shot.frame + 1)
    await first.close()
    await second.receive(Status, role="driver")
    await second.send(Input(seq=1, t=0, buttons=["left"]))
    left = await second.receive(Receipt, seq=1)
    await viewer.until(left.frame)
    held = dict(viewer.seen)
    assert held[left.frame] == (True, False, False, False)
    assert not any(
        message.role == "driver" for message in onlooker.log if isinstance(message, Status)
    )
    await second.close()
    await onlooker.close()


async def test_whep_sessions_end_once(
    http: httpx.AsyncClient, world: dict[str, Any], viewer: ProbeViewer
) -> None:
    assert viewer.location.startswith(world["whep"] + "/")
    await viewer.until_first()
    assert (await http.delete(viewer.location)).status_code == 204
    second = await http.delete(viewer.location)
    assert (second.status_code, second.json()["code"]) == (404, "unknown-session")


async def test_deleting_a_running_world_ends_everything(
    http: httpx.AsyncClient, world: dict[str, Any], viewer: ProbeViewer, driver: ControlClient
) -> None:
    await viewer.until_first()
    assert (await http.delete(f"/worlds/{world['id']}")).status_code == 204
    assert await driver.closed() == 4410
    assert [m.phase for m in driver.log if isinstance(m, Status)][-1] == "ended"
    assert (await http.delete(f"/worlds/{world['id']}")).status_code == 404
    assert (await http.get("/worlds")).json() == []


async def test_a_late_chunk_is_a_stall_that_everybody_is_told(
    serve: Callable[..., ServedWorld],
) -> None:
    server = serve("--probe-compute-ms", "150")
    world = server.new_world()
    async with server.client() as client:
        viewer = ProbeViewer()
        await viewer.join(client, world["whep"])
        onlooker = await ControlClient.open(server.ws, world["control"], "viewer")
        stall = await onlooker.receive(Stall)
        assert stall.held_ms > 5
        status = await onlooker.receive(Status)
        assert status.stalls >= 1
        assert status.stalled_ms >= stall.held_ms
        await onlooker.close()
        await viewer.close()
    server.stop()


async def test_a_crash_of_the_engine_ends_its_world_and_the_next_one_runs(
    serve: Callable[..., ServedWorld],
) -> None:
    server = serve("--probe-compute-ms", "5")
    world = server.new_world()
    async with server.client() as client:
        viewer = ProbeViewer()
        await viewer.join(client, world["whep"])
        driver = await ControlClient.open(server.ws, world["control"])
        await viewer.until_first()
        worker = child_running(server.process.pid, "lightcone.server.worker.process")
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        assert await driver.closed() == 4500
        assert [m.phase for m in driver.log if isinstance(m, Status)][-1] == "failed"
        assert any(isinstance(m, Error) and m.code == "world_failed" for m in driver.log)
        await viewer.close()
        gone = await client.post(
            world["whep"], content="x", headers={"content-type": "application/sdp"}
        )
        assert (gone.status_code, gone.json()["code"]) == (410, "world-over")
        made = await client.post("/worlds")
        assert made.status_code == 201
        again = ProbeViewer()
        await again.join(client, made.json()["whep"])
        await again.until_first()
        await again.close()
    server.stop()
