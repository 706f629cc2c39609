"""A world that was learned from recordings, through the server and the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_viewer import ControlClient
from serving import LIGHTCONE, Served
from tiny_avdit import saved

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.client.media.rtp import Picture
from lightcone.server.control.protocol import Input, Receipt, Rewind, RewindReceipt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "log"
    served = Served("--weights", str(folder), log=log, worlds="all")
    yield served
    served.stop()


async def test_it_is_driven_rewound_and_forked(server: Served) -> None:
    async with server.client() as client:
        [world] = (await client.get("/catalogue")).json()
    assert (world["name"], world["fps"], world["sample_rate"]) == ("tiny", 35, 22_050)
    session = server.new_session(world="tiny", seed=3, prompt="red")
    driver = await ControlClient.open(server.ws, session["control"])
    seen: list[Picture] = []
    viewer = HeadlessViewer(seen.append)
    await viewer.join(server.url + session["whep"])
    for seq, held in enumerate((["left"], ["fire"], [])):
        await driver.send(Input(seq=seq, t=1000.0 * seq, buttons=held))
        await driver.receive(Receipt, seq=seq)
    await driver.send(Rewind(seq=3, t=0.0, action="to", world_frame=0))
    receipt = await driver.receive(RewindReceipt)
    assert receipt.world_frame == 0
    async with server.client() as client:
        fork = await client.post(f"/sessions/{session['id']}/fork")
    assert fork.status_code == 201
    assert seen
    await viewer.close()
    await driver.close()


def test_it_is_generated_and_replayed(folder: Path, tmp_path: Path) -> None:
    actions, log = tmp_path / "actions.jsonl", tmp_path / "run.log"
    actions.write_text('{"t": 0.1, "buttons": ["fire"], "axes": {"turn": 0.5}}\n')
    out = tmp_path / "out.mp4"
    common = ("--weights", str(folder))
    made = ("generate", "--world", "tiny", "--seed", "4", "--seconds", "1")
    files = ("--actions", str(actions), "--out", str(out), "--log", str(log))
    subprocess.run([LIGHTCONE, *made, *files, *common], check=True, capture_output=True)
    assert out.stat().st_size > 1000
    done = subprocess.run(
        [LIGHTCONE, "replay", str(log), "--json", *common], check=True, capture_output=True
    )
    found = json.loads(done.stdout)
    assert found["chunks"] == found["equal"] == 9
