"""Who may use a server, and for what."""

from __future__ import annotations

import os
import subprocess
from base64 import b64encode
from collections.abc import Callable
from hmac import digest
from typing import Any

import pytest
from probe_viewer import ControlClient, ProbeViewer
from serving import LIGHTCONE, PATIENCE_S, Served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lightcone.client.ice import ice_servers
from lightcone.server.control.protocol import (
    CLOSE_SESSION_ENDED,
    CLOSE_TOKEN_EXPIRED,
    VERSION,
    Error,
    Hello,
    Ping,
    Pong,
    Prompt,
    PromptReceipt,
    Welcome,
    Wheel,
)

KEY = "a key for the tests of access"
TURN, TURN_SECRET = "turn:127.0.0.1:9?transport=udp", "a secret for relays"
OPEN = {("get", "/healthz"), ("get", "/readyz"), ("get", "/asyncapi.json")}  # to everybody


@pytest.fixture(scope="module")
def keyed(serve: Callable[..., Served]) -> Served:
    turn = ("--ice-servers", f"stun:127.0.0.1:9,{TURN}", "--turn-secret", TURN_SECRET)
    return serve("--probe-compute-ms", "5", "--key", KEY, "--quota-prompts", "2/hour", *turn)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def played(keyed: Served) -> dict[str, Any]:
    async with keyed.client() as client:
        for old in (await client.get("/sessions", headers=bearer(KEY))).json():
            await client.delete(f"/sessions/{old['id']}", headers=bearer(KEY))
        made = await client.post("/sessions", headers=bearer(KEY))
        assert made.status_code == 201, made.text
        session: dict[str, Any] = made.json()
        return session


async def test_without_a_token_there_is_the_page_and_its_health(keyed: Served) -> None:
    async with keyed.client() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        assert len(paths) > 10
        for path, methods in paths.items():
            for method in methods:
                answer = await client.request(method, path.replace("{", "").replace("}", ""))
                expected = 200 if (method, path) in OPEN else 401
                assert answer.status_code == expected, (method, path)
        assert (await client.get("/sessions")).headers["www-authenticate"] == "Bearer"
        bad = await client.get("/sessions", headers=bearer("nonsense"))
        assert bad.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert (await client.get("/")).status_code == 200
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{keyed.ws}/sessions/abc/control")
    assert refused.value.response.status_code == 401


async def test_who_may_watch_is_given_passwords_for_the_relay(
    keyed: Served, played: dict[str, Any]
) -> None:
    async with keyed.client() as client:
        assert (await client.options(played["whep"])).status_code == 401
        body = {"scope": "watch", "session": played["id"]}
        made = await client.post("/tokens", json=body, headers=bearer(KEY))
        watch = bearer(made.json()["token"])
        asked = await client.options(played["whep"], headers=watch)
        sdp = watch | {"content-type": "application/sdp"}
        offer = await ProbeViewer().offer()
        answered = await client.post(played["whep"], content=offer, headers=sdp)
    assert (asked.status_code, answered.status_code) == (204, 201)
    for answer in (asked, answered):
        assert answer.headers["cache-control"] == "no-store"
        stun, turn = ice_servers(answer.headers.get_list("link"))
        assert (stun.urls, turn.urls) == ("stun:127.0.0.1:9", TURN)
        user, password = turn.username, turn.credential
        assert user is not None
        assert user.endswith(f":{played['id']}")
        expected = digest(TURN_SECRET.encode(), user.encode(), "sha1")
        assert password == b64encode(expected).decode()
    log = keyed.log.read_text()
    assert TURN_SECRET not in log
    assert str(password) not in log


async def test_scopes(keyed: Served, played: dict[str, Any]) -> None:
    path = f"/sessions/{played['id']}"
    async with keyed.client() as client:

        async def token(by: str, **body: Any) -> Any:
            made = await client.post("/tokens", json=body, headers=bearer(by))
            return made.json() if made.status_code != 201 else made.json()["token"]

        watch = await token(KEY, scope="watch", session=played["id"])
        drive = await token(KEY, scope="drive", name="ann")
        for who, method, where, status in (
            (watch, "GET", path, 200),
            (watch, "GET", "/sessions/other", 403),
            (watch, "POST", "/sessions", 403),
            (watch, "POST", f"{path}/rewind", 403),
            (watch, "DELETE", path, 403),
            (drive, "GET", "/snapshots", 403),
            (drive, "DELETE", path, 403),  # the key made it
            (KEY, "GET", "/snapshots", 200),
        ):
            answer = await client.request(method, where, headers=bearer(who))
            assert answer.status_code == status, (method, where, answer.text)
        for more in ({"scope": "drive"}, {"scope": "watch", "name": "bob"}):
            refused = await token(watch, **more)
            assert (refused["status"], refused["code"]) == (403, "forbidden")
        owner = await token(KEY, scope="drive", session=played["id"])
        assert (await client.delete(path, headers=bearer(owner))).status_code == 204


async def test_who_may_only_watch_never_drives(keyed: Served, played: dict[str, Any]) -> None:
    async with keyed.client() as client:
        made = await client.post("/tokens", json={"scope": "watch"}, headers=bearer(KEY))
        token = made.json()["token"]
    url = keyed.ws + played["control"]
    watcher = ControlClient(await connect(url, additional_headers=bearer(token)))
    await watcher.send(Hello(version=VERSION, want="driver"))
    assert (await watcher.receive(Welcome)).role == "spectator"
    await watcher.send(Wheel(action="ask"))
    assert (await watcher.receive(Error)).code == "forbidden"
    driver = ControlClient(await connect(url, additional_headers=bearer(KEY)))
    await driver.send(Hello(version=VERSION))
    welcome = await driver.receive(Welcome)
    assert welcome.role == "driver"
    await driver.send(Wheel(action="give", seat="s1"))
    assert (await driver.receive(Error)).code == "forbidden"
    await watcher.close()
    await driver.close()


async def test_prompts_have_a_quota_and_the_session_goes_on(
    keyed: Served, played: dict[str, Any]
) -> None:
    url = keyed.ws + played["control"]
    driver = ControlClient(await connect(url, additional_headers=bearer(KEY)))
    await driver.send(Hello(version=VERSION))
    await driver.receive(Welcome)
    for seq in (1, 2):
        await driver.send(Prompt(seq=seq, t=0, text="green"))
        assert (await driver.receive(PromptReceipt)).seq == seq
    await driver.send(Prompt(seq=3, t=0, text="red"))
    refused = await driver.receive(Error)
    assert (refused.code, refused.seq) == ("over_quota", 3)
    await driver.send(Ping(t=1))
    await driver.receive(Pong)
    await driver.close()


async def test_a_token_that_is_over_ends_its_connection(
    keyed: Served, played: dict[str, Any]
) -> None:
    async with keyed.client() as client:
        asked = {"scope": "watch", "seconds": 1.5}
        made = await client.post("/tokens", json=asked, headers=bearer(KEY))
        token = made.json()["token"]
    socket = await connect(keyed.ws + played["control"], additional_headers=bearer(token))
    client_ = ControlClient(socket)
    await client_.send(Hello(version=VERSION))
    assert (await client_.receive(Error)).code == "token_expired"
    assert await client_.closed() == CLOSE_TOKEN_EXPIRED


async def test_a_link_becomes_a_cookie_and_its_key_is_in_no_log(
    keyed: Served, played: dict[str, Any]
) -> None:
    async with keyed.client() as client:
        asked = {"scope": "drive", "session": played["id"], "link": True}
        link = (await client.post("/tokens", json=asked, headers=bearer(KEY))).json()["link"]
        opened = await client.get(link)
        assert opened.status_code == 303
        assert opened.headers["location"] == f"/?session={played['id']}"
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=strict" in opened.headers["set-cookie"]
        assert (await client.get(f"/sessions/{played['id']}")).status_code == 200  # by the cookie
        assert (await client.get("/snapshots")).status_code == 403
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        assert (await client.get("/?key=nonsense")).status_code == 401
    socket = await connect(
        keyed.ws + played["control"], additional_headers={"Cookie": cookie, "Origin": keyed.url}
    )
    driver = ControlClient(socket)
    await driver.send(Hello(version=VERSION))
    assert (await driver.receive(Welcome)).role == "driver"
    await driver.close()
    key = link.partition("key=")[2].partition("&")[0]
    assert key not in keyed.log.read_text()


async def test_sessions_have_a_quota_by_key(serve: Callable[..., Served]) -> None:
    server = serve("--probe-compute-ms", "5", "--key", KEY, "--quota-sessions", "1/hour")
    async with server.client() as client:
        assert (await client.post("/sessions", headers=bearer(KEY))).status_code == 201
        again = await client.post("/sessions", headers=bearer(KEY))
        assert (again.status_code, again.json()["code"]) == (429, "over-quota")
        assert 1 <= int(again.headers["retry-after"]) <= 2 * 3600
        other = await client.post("/tokens", json={"scope": "watch"}, headers=bearer(KEY))
        assert other.status_code == 201  # what has no quota goes on
    server.stop()


async def test_viewers_have_a_quota_at_once(
    serve: Callable[..., Served],
) -> None:
    server = serve("--key", KEY, "--quota-viewers", "1")
    async with server.client() as client:
        client.headers.update(bearer(KEY))
        made = (await client.post("/sessions")).json()
        first, second = ProbeViewer(), ProbeViewer()
        await first.join(client, made["whep"])
        await first.until_first()
        sdp = {"content-type": "application/sdp"}
        answer = await client.post(made["whep"], content=await second.offer(), headers=sdp)
        assert (answer.status_code, answer.json()["code"]) == (429, "over-quota")
        assert "viewers at once" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) >= 1
        assert (await client.delete(first.location)).status_code == 204
        await first.close()
        third = ProbeViewer()
        await third.join(client, made["whep"])
        await third.until_first()
        await third.close()
        await second.close()
    server.stop()


async def test_a_session_ends_when_the_seconds_of_its_owner_are_used_up(
    serve: Callable[..., Served],
) -> None:
    server = serve("--probe-compute-ms", "5", "--key", KEY, "--quota-generation", "2/day")
    async with server.client() as client:
        client.headers.update(bearer(KEY))
        made = (await client.post("/sessions")).json()
        viewer = ProbeViewer()
        await viewer.join(client, made["whep"])
        socket = await connect(server.ws + made["control"], additional_headers=bearer(KEY))
        driver = ControlClient(socket)
        await driver.send(Hello(version=VERSION))
        assert await driver.closed() == CLOSE_SESSION_ENDED
        await viewer.close()
        shown = (await client.get(f"/sessions/{made['id']}")).json()
        assert shown["phase"] == "ended"
        assert "the quota of generation is used up" in shown["reason"]
        assert "it is kept as snapshot" in shown["reason"]
        assert (await client.post("/sessions")).status_code == 429
    server.stop()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--host", "0.0.0.0"], "needs a key"),
        (["--public-url", "https://play.example.org"], "needs a key"),
        (["--public-url", "play.example.org", "--key", KEY], "is no URL"),
        (["--key", "short"], "at least 16 characters"),
        (["--quota-prompts", "lots"], "lots"),
        (["--tls-cert", "cert.pem"], "go together"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "no TLS with none.pem"),
    ],
)
def test_settings_that_are_not_safe(flags: list[str], reason: str) -> None:
    command = [LIGHTCONE, "serve", "--worlds", "probe", "--port", "0", *flags]
    found = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert found.returncode != 0
    assert len(found.stderr.strip().splitlines()) == 1
    assert reason in found.stderr


def test_tokens_from_the_command_line(keyed: Served) -> None:
    def minted(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [LIGHTCONE, "token", *flags]
        environment = {**os.environ, "LIGHTCONE_KEY": KEY}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    with keyed.blocking_client() as client:
        token = minted("--scope", "watch").stdout.strip()
        assert client.get("/catalogue", headers=bearer(token)).status_code == 200
        link = minted("--scope", "drive", "--link", keyed.url).stdout.strip()
        assert link.startswith(f"{keyed.url}/?key=")
        assert client.get(link).headers["location"] == "/"
    wrong = minted("--scope", "everything")
    assert (wrong.returncode, "one of watch, drive, admin" in wrong.stderr) == (1, True)
