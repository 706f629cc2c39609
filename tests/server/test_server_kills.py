"""What happens to the machine under a server: its processes are killed, its disk fills."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import httpx
import psutil
from probe_viewer import ControlClient, ProbeViewer
from serving import Served
from some_pictures import picture

from lightcone.server.control.protocol import Error, Status, Welcome

PATIENCE_S = 30.0
FILE_BYTES = 30_000  # where the disk is full: after some seconds of the probe


async def watch(http: httpx.AsyncClient, session: dict[str, Any]) -> ProbeViewer:
    viewer = ProbeViewer()
    await viewer.join(http, session["whep"])
    await viewer.until_first()
    return viewer


async def begin(http: httpx.AsyncClient, world: str, **more: str) -> dict[str, Any]:
    answer = await http.post("/sessions", json={"world": world, **more})
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def test_nothing_outlives_a_server_that_is_killed_and_what_was_kept_is_there(
    serve: Callable[..., Served],
) -> None:
    server = serve("--overbook", "100", worlds="probe,env:CartPole-v1")
    async with server.client() as http:
        png = base64.b64encode(picture((9, 9, 9))).decode()
        probe = await begin(http, "probe", image=f"data:image/png;base64,{png}")
        viewer = await watch(http, probe)
        kept = (await http.post(f"/sessions/{probe['id']}/snapshot")).json()
        await begin(http, "env:CartPole-v1")
        processes = psutil.Process(server.process.pid).children(recursive=True)
        assert len(processes) >= 3  # the worker, its environment, the decoder of pictures
        server.stop(signal.SIGKILL)
        await viewer.close()
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, PATIENCE_S)
    assert not alive
    server.start()
    async with server.client() as http:
        restored = await http.post("/sessions", json={"snapshot": kept["id"]})
        assert restored.status_code == 201, restored.text
    assert server.stop() == 0


async def test_a_disk_that_fills_ends_a_recording_and_nothing_else(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    server = serve("--recordings", str(tmp_path), "--probe-compute-ms", "5", worlds="probe")
    limits = (FILE_BYTES, resource.RLIM_INFINITY)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    async with server.client() as http:
        session = await begin(http, "probe")
        viewer = await watch(http, session)
        driver = await ControlClient.open(server.ws, session["control"])
        await driver.receive(Welcome)
        [video, _] = (await http.post(f"/sessions/{session['id']}/recording")).json().values()
        failed = await driver.receive(Error)
        assert (failed.code, failed.fatal) == ("recording_failed", False)
        assert str(tmp_path) not in failed.message
        assert (await driver.receive(Status, recording=False)).phase == "running"
        await viewer.until_more(24)
        with av.open(str(tmp_path / Path(video).name)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 20
        await viewer.close()
        await driver.close()
    assert server.stop() == 0


async def test_a_worker_that_hangs_is_killed_and_its_session_goes_on(
    serve: Callable[..., Served],
) -> None:
    server = serve("--probe-compute-ms", "5")
    async with server.client() as http:
        session = await begin(http, "probe")
        viewer = await watch(http, session)
        driver = await ControlClient.open(server.ws, session["control"])
        await driver.receive(Welcome)
        [worker] = (await http.get("/healthz")).json()["workers"]
        os.kill(worker["pid"], signal.SIGSTOP)
        await driver.receive(Status, phase="restoring")
        await driver.receive(Status, phase="running")
        await viewer.until_more(10)
        await viewer.close()
        await driver.close()
    assert server.stop() == 0
