"""The random world of the wan family through the server and the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from probe_viewer import ControlClient
from serving import LIGHTCONE, Served

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.client.media.rtp import Picture
from lightcone.server.control.protocol import Prompt, PromptReceipt


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "log"
    served = Served("--steps", "1", "--overbook", "100", log=log, worlds="wan:tiny")
    yield served
    served.stop()


async def test_a_free_prompt_is_shown_and_switched(server: Served) -> None:
    async with server.client() as client:
        [world] = (await client.get("/catalogue")).json()
    assert (world["name"], world["fps"], world["sample_rate"]) == ("wan:tiny", 16, None)
    assert "random weights" in world["title"]
    session = server.new_session(world="wan:tiny", seed=3, prompt="a red boat")
    driver = await ControlClient.open(server.ws, session["control"])
    seen: list[Picture] = []
    viewer = HeadlessViewer(seen.append)
    await viewer.join(server.url + session["whep"])
    for seq, how in enumerate(("cut", "blend", "recache")):
        await driver.send(Prompt(seq=seq, t=1000.0 * seq, text=f"a boat {seq}", how=how))
        await driver.receive(PromptReceipt, seq=seq)
    assert seen
    await viewer.close()
    await driver.close()


def test_it_is_generated_and_replayed(tmp_path: Path) -> None:
    actions, log = tmp_path / "actions.jsonl", tmp_path / "run.log"
    actions.write_text('{"t": 0.5, "prompt": "a green field", "how": "recache"}\n')
    made = ("generate", "--world", "wan:tiny", "--seed", "4", "--seconds", "2", "--steps", "1")
    out = tmp_path / "out.mp4"
    files = ("--actions", str(actions), "--out", str(out), "--log", str(log))
    subprocess.run([LIGHTCONE, *made, *files], check=True, capture_output=True)
    assert out.stat().st_size > 1000
    done = subprocess.run(
        [LIGHTCONE, "replay", str(log), "--json"], check=True, capture_output=True
    )
    found = json.loads(done.stdout)
    assert found["chunks"] == found["equal"] == 3


def test_a_published_world_without_its_weights_is_one_readable_line(tmp_path: Path) -> None:
    command = [LIGHTCONE, "serve", "--world", "longlive", "--weights", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode
    assert f"no weights for 'longlive' in {tmp_path}" in done.stderr
