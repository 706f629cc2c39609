"""One session is attacked in every way that has a limit: each is refused by name, and the session
beside it, which somebody plays, goes on."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
from hostile_pictures import black_png, endless_jpeg
from probe_viewer import ControlClient, ProbeViewer
from serving import Served
from some_pictures import picture
from websockets.asyncio.client import connect

from lightcone.server.control.protocol import (
    MESSAGE_BURST,
    VERSION,
    Error,
    Hello,
    Input,
    Ping,
    Receipt,
    Welcome,
    encode,
)
from lightcone.server.http.reading import MAX_BODY_BYTES, PICTURES

SDP = {"content-type": "application/sdp"}
JSON = {"content-type": "application/json"}
MOST = 4  # viewers, and seats, of a session


@pytest.fixture(scope="module")
def server(serve: Callable[..., Served]) -> Iterator[Served]:
    server = serve("--probe-compute-ms", "5", "--max-sessions", "3", "--max-viewers", str(MOST))
    yield server
    server.stop()


@dataclass
class Attack:
    """What an attacker has: the server, and a session of its own."""

    server: Served
    http: httpx.AsyncClient
    session: dict[str, Any]

    async def refused(self, code: str, **body: Any) -> None:
        """A session is asked for with this body."""
        answer = await self.http.post("/sessions", json=body)
        assert answer.json().get("code") == code, answer.text

    async def offer(self, sdp: str | bytes) -> str:
        """The code of its refusal, "" where it is answered."""
        answer = await self.http.post(self.session["whep"], content=sdp, headers=SDP)
        return "" if answer.status_code == 201 else str(answer.json()["code"])

    async def control(self, *messages: bytes) -> tuple[int, str]:
        """The close code and the code of the fatal error after these messages."""
        client = ControlClient(await connect(self.server.ws + self.session["control"]))
        for message in messages:
            await client.socket.send(message)
        code = await client.closed()
        error = client.log[-1]
        assert isinstance(error, Error)
        return code, error.code


@pytest.fixture
async def attack(server: Served) -> AsyncIterator[Attack]:
    """While it lasts a neighbour plays; it goes on after."""
    before = len(server.log.read_text())
    played = server.new_session()
    async with server.client() as http:
        made = await http.post("/sessions")
        viewer = ProbeViewer()
        await viewer.join(http, played["whep"])
        driver = await ControlClient.open(server.ws, played["control"])
        await viewer.until_first()
        playing = asyncio.create_task(play(driver, viewer))
        yield Attack(server, http, made.json())
        await viewer.until_more(30)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert (await http.get(f"/sessions/{played['id']}")).json()["phase"] == "running"
        await driver.close()
        await viewer.close()
    assert "Traceback" not in server.log.read_text()[before:]


async def play(driver: ControlClient, viewer: ProbeViewer) -> None:
    """Press a key again and again, and see each press in the picture."""
    for seq in itertools.count():
        await driver.send(Input(seq=seq, t=0.0, buttons=["right"] if seq % 2 else []))
        pressed = await driver.receive(Receipt, seq=seq)
        await viewer.until(pressed.world_frame)


def as_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def test_hostile_pictures(attack: Attack) -> None:
    for data in (black_png(20_000, 20_000), picture((1, 2, 3))[:90], endless_jpeg()):
        await attack.refused("bad-image", image=as_url(data))


async def test_pictures_that_keep_the_decoder_busy(attack: Attack) -> None:
    """Who brings no picture gets a session meanwhile."""
    image = as_url(endless_jpeg())
    posts = [attack.http.post("/sessions", json={"image": image}) for _ in range(PICTURES + 1)]
    endless = [asyncio.create_task(post) for post in posts]
    done, _ = await asyncio.wait(endless, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().json()["code"] for task in done] == ["busy"]
    made = await attack.http.post("/sessions")
    assert made.status_code == 201
    await attack.http.delete(made.headers["location"])
    while not all(task.done() for task in endless):
        kill_decoders(attack.server)
        await asyncio.wait(endless, timeout=0.5)
    codes = [task.result().json()["code"] for task in endless]
    assert sorted(codes) == ["bad-image"] * PICTURES + ["busy"]


async def test_a_decoder_that_crashes(attack: Attack) -> None:
    hostile = asyncio.create_task(attack.refused("bad-image", image=as_url(endless_jpeg())))
    while not kill_decoders(attack.server):
        await attack.http.get("/healthz")
    await hostile
    made = await attack.http.post("/sessions", json={"image": as_url(picture((1, 2, 3)))})
    assert made.status_code == 201
    await attack.http.delete(made.headers["location"])


def kill_decoders(server: Served) -> int:
    """Kill the processes in which it decodes pictures; how many there were."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    decoders = [pid for pid in children if "pictures" in command_of(pid)]
    for pid in decoders:
        os.kill(int(pid), signal.SIGKILL)
    return len(decoders)


def command_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""  # it has ended


async def test_offers_with_too_much_in_them(attack: Attack) -> None:
    viewer = ProbeViewer()
    sdp = await viewer.offer()
    await viewer.close()
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"
    assert await attack.offer(sdp + candidate * 65) == "offer-too-large"
    assert await attack.offer(sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n") == "offer-too-large"
    assert await attack.offer(sdp + "a=x\r\n" * 1000) == "offer-too-large"
    assert await attack.offer(sdp + "a=" + "x" * MAX_BODY_BYTES) == "too-large"
    assert await attack.offer(sdp.replace("a=rtcp-mux", "a=x")) == "bad-offer"
    assert await attack.offer(b"\xff\xfe") == "bad-offer"


async def test_viewers_that_never_connect(attack: Attack) -> None:
    """They take all places of their session, and only for a while."""
    viewer = ProbeViewer()
    sdp = await viewer.offer()
    await viewer.close()
    codes = [await attack.offer(sdp) for _ in range(MOST + 1)]
    assert codes == [""] * MOST + ["too-many-viewers"]
    async with asyncio.timeout(120):
        while await attack.offer(sdp) != "":
            await attack.http.get("/healthz")


async def test_viewers_that_report_losses_all_the_time(attack: Attack) -> None:
    """Of a session that the attacker shares with others: they get few keyframes more."""
    viewer = ProbeViewer()
    await viewer.join(attack.http, attack.session["whep"])
    await viewer.until_first()
    receiver = viewer.peer.getReceivers()[0]
    loop = asyncio.get_running_loop()
    began = loop.time()
    while viewer.seen[-1][0] < 150:
        [stream] = receiver.getSynchronizationSources()
        await receiver._send_rtcp_pli(stream.source)
        await asyncio.sleep(0.02)
    lasted = loop.time() - began
    await viewer.close()
    await attack.http.delete(f"/sessions/{attack.session['id']}")
    [sent] = [
        line
        for line in attack.server.log.read_text().splitlines()
        if "sent in all" in line and attack.session["id"] in line
    ]
    found = re.search(r"keyframes=(\d+)", sent)
    assert found is not None
    assert int(found[1]) <= 1 + 3 + lasted + 1  # the first, the burst, one a second


async def test_control_clients(attack: Attack) -> None:
    hello, url = encode(Hello(version=VERSION)), attack.server.ws + attack.session["control"]
    assert await attack.control(bytes(9000)) == (1009, "too_large")
    assert await attack.control(hello, *[encode(Ping(t=0.0))] * 3 * MESSAGE_BURST) == (
        4429,
        "too_many_messages",
    )
    silent = [ControlClient(await connect(url)) for _ in range(MOST)]
    assert await attack.control() == (4429, "too_many_clients")
    assert [await client.closed() for client in silent] == [4408] * MOST
    late = await ControlClient.open(attack.server.ws, attack.session["control"])
    await late.receive(Welcome)
    await late.close()


async def test_names_that_look_like_lines_of_the_log(attack: Attack) -> None:
    forged = "x\n12:00:00 ERROR   lightcone: all is lost"
    hello = msgpack.packb({"type": "hello", "version": VERSION, forged: 1})
    assert await attack.control(hello) == (4400, "invalid")
    log = attack.server.log.read_text()
    assert "all is lost" in log
    assert not any(line.startswith("12:00:00 ERROR") for line in log.splitlines())


async def test_large_requests_that_come_slowly(attack: Attack) -> None:
    host, _, port = attack.server.url.removeprefix("http://").partition(":")
    head = f"POST /sessions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    body = f"content-length: {MAX_BODY_BYTES + 1}\r\n\r\n{{"
    slow = [socket.create_connection((host, int(port))) for _ in range(PICTURES)]
    for line in slow:
        line.sendall((head + body).encode())
    large = b" " * (MAX_BODY_BYTES + 1)
    async with asyncio.timeout(15):
        while True:
            answer = await attack.http.post("/sessions", content=large, headers=JSON)
            if answer.status_code == 503:
                break
    assert answer.json()["code"] == "busy"
    made = await attack.http.post("/sessions")
    assert made.status_code == 201
    await attack.http.delete(made.headers["location"])
    for line in slow:
        line.close()
