"""A worker that is killed, and sessions that fail: everybody else goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import Served

from lightcone.server.control.protocol import Error, Input, Prompt, Receipt, Status, Welcome


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Iterator[Served]:
    server = serve("--probe-compute-ms", "5", worlds="probe,probe-faulty")
    yield server
    server.stop()


async def kill_worker(client: httpx.AsyncClient) -> None:
    [worker] = (await client.get("/healthz")).json()["workers"]
    os.kill(worker["pid"], signal.SIGKILL)


async def watch(client: httpx.AsyncClient, session: dict[str, Any]) -> ProbeViewer:
    viewer = ProbeViewer()
    await viewer.join(client, session["whep"])
    await viewer.until_first()
    return viewer


async def test_a_killed_worker_is_replaced_and_the_stream_goes_on(server: Served) -> None:
    session = server.new_session(prompt="green")
    async with server.client() as client:
        viewer = await watch(client, session)
        driver = await ControlClient.open(server.ws, session["control"])
        await driver.receive(Welcome)
        await viewer.until(60)
        recovered = len((await client.get("/healthz")).json()["recoveries"])
        await driver.send(Input(seq=1, t=0, buttons=["right"]))
        await driver.receive(Receipt)
        await kill_worker(client)
        await driver.receive(Status, phase="restoring")
        before = len(viewer.seen)
        await driver.receive(Status, phase="running")
        await viewer.until_more(30)
        frames = [frame for frame, _ in viewer.seen]
        assert frames[before] > 20  # it went on, and did not begin again
        assert viewer.times == sorted(set(viewer.times))
        assert viewer.seen[-1][1] == (False, False, False, False)
        assert viewer.grounds[frames[-1]] == "green"
        await driver.send(Input(seq=2, t=0, buttons=["jump"]))
        pressed = await driver.receive(Receipt, seq=2)
        await viewer.until(pressed.world_frame)
        assert dict(viewer.seen)[pressed.world_frame] == (False, False, True, False)
        health = (await client.get("/healthz")).json()
        assert health["status"] == "ok"
        [*_, recovery] = health["recoveries"]
        assert len(health["recoveries"]) == recovered + 1
        assert recovery["sessions"] == 1
        assert 0 <= recovery["warm_up_s"] <= recovery["worker_start_s"]
        log = (await client.get(f"/sessions/{session['id']}/log")).text
        assert '"restored":' in log
        await driver.close()
        await viewer.close()


async def test_a_session_that_nobody_watches_is_restored_too(server: Served) -> None:
    session = server.new_session()
    async with server.client() as client:
        viewer = await watch(client, session)
        await viewer.until(30)
        await viewer.close()
        spectator = await ControlClient.open(server.ws, session["control"], "spectator")
        await spectator.receive(Status, phase="paused")
        await kill_worker(client)
        await spectator.receive(Status, phase="restoring")
        await spectator.receive(Status, phase="paused")
        again = await watch(client, session)
        await again.until_more(10)
        assert again.seen[0][0] >= 20
        await again.close()
        await spectator.close()


async def test_a_session_that_raises_fails_alone(server: Served) -> None:
    faulty, well = server.new_session(world="probe-faulty"), None
    async with server.client() as client:
        well = (await client.post("/sessions", json={"world": "probe-faulty"})).json()
        viewers = [await watch(client, each) for each in (faulty, well)]
        driver = await ControlClient.open(server.ws, faulty["control"])
        await driver.receive(Welcome)
        await driver.send(Prompt(seq=1, t=0, text="raise"))
        assert await driver.closed() == 4500
        [error] = [m for m in driver.log if isinstance(m, Error)]
        assert (error.code, error.fatal) == ("session_failed", True)
        assert error.message == "the world failed; the server's log has more"
        assert "raises" in server.log.read_text()
        await viewers[1].until_more(30)
        phases = [
            (await client.get(f"/sessions/{s['id']}")).json()["phase"] for s in (faulty, well)
        ]
        assert phases == ["failed", "running"]
        await asyncio.gather(*(viewer.close() for viewer in viewers))


async def test_a_session_that_takes_its_worker_down_again_and_again_is_given_up(
    serve: Callable[..., Served],
) -> None:
    server = serve("--probe-compute-ms", "5")
    session = server.new_session()
    async with server.client() as client:
        viewer = await watch(client, session)
        spectator = await ControlClient.open(server.ws, session["control"], "spectator")
        for _ in range(2):
            await spectator.receive(Status, phase="running")
            await kill_worker(client)
            await spectator.receive(Status, phase="restoring")
        await spectator.receive(Status, phase="running")
        await kill_worker(client)
        assert await spectator.closed() == 4500
        shown = (await client.get(f"/sessions/{session['id']}")).json()
        assert (shown["phase"], "again and again" in shown["reason"]) == ("failed", True)
        await viewer.close()
        made = await client.post("/sessions")
        assert made.status_code == 201
        again = await watch(client, made.json())
        await again.close()
    server.stop()
