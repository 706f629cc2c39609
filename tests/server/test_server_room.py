"""A server with little room: the queue, and sessions that nobody is in any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import Served

from lightcone.server.control.protocol import Ping, Welcome
from lightcone.server.sessions.sessions import MAX_OVER

SOON_S = 2.0


@pytest.fixture(scope="module")
def single(serve: Callable[..., Served]) -> Iterator[Served]:
    """With room for one session, which stays."""
    server = serve("--max-sessions", "1", "--probe-compute-ms", "5", "--idle-timeout-s", "600")
    yield server
    server.stop()


async def polled(client: httpx.AsyncClient, ticket: str) -> httpx.Response:
    """The answer to a ticket once it is not a place any more."""
    while True:
        answer = await client.get(f"/queue/{ticket}")
        if answer.status_code != 202:
            return answer
        await asyncio.sleep(0.5)


async def gone(client: httpx.AsyncClient, session: dict[str, Any]) -> dict[str, Any]:
    """The session, once it has ended."""
    while True:
        shown: dict[str, Any] = (await client.get(f"/sessions/{session['id']}")).json()
        if shown["phase"] == "ended":
            return shown
        await asyncio.sleep(0.1)


async def test_who_finds_no_room_waits_in_order(single: Served) -> None:
    session = single.new_session()
    async with single.client() as client:
        first = await client.post("/sessions", json={"seed": 1})
        assert first.status_code == 202
        queued = first.json()
        assert first.headers["location"] == f"/queue/{queued['ticket']}"
        assert queued["place"] == 1
        assert [body["id"] for body in queued["running"]] == [session["id"]]
        assert "room" in queued["reason"]
        second = (await client.post("/sessions", json={"seed": 2})).json()
        assert second["place"] == 2
        fork = await client.post(f"/sessions/{session['id']}/fork")
        assert (fork.status_code, fork.json()["place"]) == (202, 3)
        assert (await client.get("/healthz")).json()["queue"] == 3
        assert (await client.get(f"/queue/{queued['ticket']}")).status_code == 202
        await client.delete(f"/sessions/{session['id']}")
        newcomer = (await client.post("/sessions")).json()
        assert newcomer["place"] == 4
        assert (await client.get(f"/queue/{second['ticket']}")).json()["place"] == 2
        made = await client.get(f"/queue/{queued['ticket']}")
        assert (made.status_code, made.json()["seed"]) == (201, 1)
        assert made.headers["location"] == f"/sessions/{made.json()['id']}"
        used = await client.get(f"/queue/{queued['ticket']}")
        assert (used.status_code, used.json()["code"]) == (404, "unknown-ticket")
        assert (await client.get(f"/queue/{second['ticket']}")).json()["place"] == 1
        for ticket in (second, fork.json(), newcomer):
            assert (await client.delete(f"/queue/{ticket['ticket']}")).status_code == 204
        assert (await client.get("/healthz")).json()["queue"] == 0


async def test_a_snapshot_that_somebody_waits_for_stays_on_the_disk(single: Served) -> None:
    session = single.new_session(prompt="blue")
    async with single.client() as client:
        kept = (await client.post(f"/sessions/{session['id']}/snapshot")).json()
        tickets = [
            (await client.post("/sessions", json={"snapshot": kept["id"]})).json()["ticket"]
            for _ in range(2)
        ]
        await client.delete(f"/sessions/{session['id']}")
        made = (await client.get(f"/queue/{tickets[0]}")).json()
        assert (made["prompt"], made["world_frame"]) == ("blue", kept["world_frame"])
        await client.delete(f"/snapshots/{kept['id']}")
        await client.delete(f"/sessions/{made['id']}")
        gone = await client.get(f"/queue/{tickets[1]}")
        assert (gone.status_code, gone.json()["code"]) == (507, "storage-failed")
        assert str(single.data) not in gone.text
        assert (await client.get("/healthz")).json()["queue"] == 0


async def test_what_is_measured_decides_who_fits(serve: Callable[..., Served]) -> None:
    server = serve("--probe-compute-ms", "60")  # of the 83 ms that a chunk lasts
    server.new_session()
    async with server.client() as client:
        assert (await client.post("/sessions")).status_code == 202
    server.stop()


async def test_a_second_worker_takes_what_the_first_has_no_room_for(
    serve: Callable[..., Served],
) -> None:
    server = serve("--probe-compute-ms", "60", "--workers", "2")
    server.new_session()
    async with server.client() as client:
        assert (await client.post("/sessions")).status_code == 201
        assert (await client.post("/sessions")).status_code == 202
        workers = (await client.get("/healthz")).json()["workers"]
        assert [worker["sessions"] for worker in workers] == [1, 1]
        assert len({worker["pid"] for worker in workers}) == 2
    server.stop()


async def test_a_session_that_nobody_is_in_ends_and_its_snapshot_is_kept(
    serve: Callable[..., Served],
) -> None:
    server = serve("--idle-timeout-s", str(SOON_S), "--probe-compute-ms", "5")
    session = server.new_session(prompt="blue")
    async with server.client() as client:
        spectator = await ControlClient.open(server.ws, session["control"], "spectator")
        await spectator.receive(Welcome)
        viewer = ProbeViewer()
        await viewer.join(client, session["whep"])
        await viewer.until(30)
        await viewer.close()
        for _ in range(6):
            await asyncio.sleep(SOON_S / 4)
            await spectator.send(Ping(t=0.0))
        shown = (await client.get(f"/sessions/{session['id']}")).json()
        assert shown["phase"] == "paused"  # somebody takes part yet
        await spectator.close()
        over = await gone(client, session)
        [kept] = (await client.get("/snapshots")).json()
        assert kept["id"] in over["reason"]
        assert kept["world_frame"] >= 28
        resumed = (await client.post("/sessions", json={"snapshot": kept["id"]})).json()
        assert (resumed["world_frame"], resumed["prompt"]) == (kept["world_frame"], "blue")
        never_begun = await gone(client, server.new_session())
        assert "snapshot" not in never_begun["reason"]
    server.stop()


async def test_a_session_left_alone_makes_room_and_one_that_is_not_stays(
    serve: Callable[..., Served],
) -> None:
    server = serve("--max-sessions", "1", "--idle-timeout-s", "20", "--probe-compute-ms", "5")
    first = server.new_session()
    async with server.client() as client:
        driver = await ControlClient.open(server.ws, first["control"])
        await driver.receive(Welcome)
        ticket = (await client.post("/sessions")).json()["ticket"]
        await driver.close()
        made = await polled(client, ticket)
        assert made.status_code == 201
        assert (await gone(client, first))["reason"].startswith("nobody was there and somebody")
    server.stop()


def test_the_oldest_session_ends_after_many_younger_ones(serve: Callable[..., Served]) -> None:
    server = serve("--max-sessions", "2", "--overbook", "100", "--probe-compute-ms", "1")
    with server.blocking_client() as client:
        oldest = client.post("/sessions").json()["id"]
        for _ in range(MAX_OVER + 1):
            younger = client.post("/sessions").json()["id"]
            assert client.delete(f"/sessions/{younger}").status_code == 204
        assert client.delete(f"/sessions/{oldest}").status_code == 204
        assert client.get(f"/sessions/{oldest}").json()["phase"] == "ended"
        assert client.get(f"/sessions/{younger}").json()["phase"] == "ended"
    server.stop()
