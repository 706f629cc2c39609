"""Viewers who reach the server only through a TURN server: Debian's coturn, in namespaces.

    viewer 10.77.0.2 ── 10.77.0.1 server 10.77.1.1 ── 10.77.1.2 coturn
           10.78.0.1 ──────────────────────────────── 10.78.0.2

The server sends to viewers from 10.77.1.1 alone, to which a viewer has no route.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from serving import STARTED

from lightcone.bench.errors import BenchError
from lightcone.bench.namespaces import check, link, star, within

SECRET = "north"
VIEWER = """
import asyncio, json, sys
from lightcone.client import Client

async def main():
    async with Client(sys.argv[1]) as client:
        async with await client.start() as session:
            peer = session.viewer._peer
            pair = peer.getTransceivers()[0].receiver.transport.transport._connection._nominated[1]
            frame = await session.frame()
            print(json.dumps({"ours": pair.local_candidate.type, "theirs": pair.remote_addr[0],
                              "shape": frame.picture.shape}))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[str, str]]:
    """Of the server and of the viewer; coturn runs: at 3478 it lends addresses on the server's
    side, at 3488 on the viewer's."""
    if shutil.which("turnserver") is None:
        pytest.skip("there is no turnserver (apt-get install coturn)")
    try:
        check()
    except BenchError as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        made = stack.enter_context(star("tn", ["", ""]))
        viewer, turn = made.ends
        link("tnv", viewer, "10.78.0.1", "tnt", turn, "10.78.0.2")
        # packets to addresses that it does not know vanish, as on the internet
        for change in (
            "link add gone type veth peer name away",
            "link set away up",
            "link set gone arp off up",
            "route add default dev gone",
        ):
            subprocess.run(["ip", "-n", turn, *change.split()], check=True)
        for port, relay in ((3478, "10.77.1.2"), (3488, "10.78.0.2")):
            flags = f"-n --use-auth-secret --static-auth-secret={SECRET} --realm=play.example.org "
            flags += f"--listening-port={port} --relay-ip={relay} --no-cli --no-tls --no-dtls "
            if port == 3478:  # as docs/deploy.md has it: it reaches this server alone
                flags += "--denied-peer-ip=0.0.0.0-255.255.255.255 --allowed-peer-ip=10.77.1.1 "
            flags += (
                "--listening-ip=10.77.1.2 --listening-ip=10.78.0.2 --log-file=stdout --simple-log"
            )
            coturn = subprocess.Popen(
                [*within(turn), "turnserver", *flags.split()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(coturn.wait)
            stack.callback(coturn.terminate)
        yield made.hub, viewer


def watched(network: tuple[str, str], folder: Path, *flags: str) -> dict:  # type: ignore[type-arg]
    """What a viewer in its namespace sees of a server in its own, once it has a picture."""
    server, viewer = network
    secret = folder / "secret"
    secret.write_text(SECRET)
    command = [str(Path(sys.executable).with_name("lightcone")), "serve", "--worlds", "probe"]
    command += ["--host", "0.0.0.0", "--insecure", "--port", "8080", "--udp-addresses", "10.77.1.1"]
    command += ["--turn-secret-file", str(secret), *flags]
    log = folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*within(server), *command, "--data-dir", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        assert process.stdout is not None
        assert STARTED in process.stdout.readline(), log.read_text()
        script = [sys.executable, "-c", VIEWER, "http://10.77.0.1:8080"]
        seen = subprocess.run(
            [*within(viewer), *script], capture_output=True, text=True, timeout=45
        )
        assert seen.returncode == 0, seen.stderr + log.read_text()
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert SECRET not in log.read_text()
    found: dict[str, object] = json.loads(seen.stdout)
    return found


def test_a_viewer_gets_the_picture_through_the_relay_that_the_server_names(
    network: tuple[str, str], tmp_path: Path
) -> None:
    seen = watched(network, tmp_path, "--ice-servers", "turn:10.78.0.2:3478?transport=udp")
    assert seen["ours"] == "relay"
    assert seen["theirs"] == "10.77.1.1"
    assert seen["shape"] == [384, 512, 3]


def test_the_server_sends_through_its_relay(network: tuple[str, str], tmp_path: Path) -> None:
    seen = watched(network, tmp_path, "--ice-servers", "turn:10.77.1.2:3488", "--turn-relay")
    assert seen["ours"] == "host"
    assert seen["theirs"] == "10.78.0.2"
