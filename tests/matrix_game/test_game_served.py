"""The random world of the family through the server: a picture to begin from, keys and mouse."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from probe_viewer import ControlClient
from serving import Served
from some_pictures import picture

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.client.media.rtp import Picture
from lightcone.server.control.protocol import Input, Receipt

NAME = "matrix-game:tiny"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("served") / "log"
    served = Served("--steps", "1", "--overbook", "100", log=log, worlds=NAME)
    yield served
    served.stop()


async def test_a_picture_is_steered_by_keys_and_mouse(server: Served) -> None:
    async with server.client() as client:
        [world] = (await client.get("/catalogue")).json()
        refused = await client.post("/sessions", json={"world": NAME})
    assert (world["name"], world["image"], world["fps"]) == (NAME, "required", 25)
    assert [axis["mouse"] for axis in world["axes"]] == ["x", "y"]
    assert refused.status_code == 422
    data = base64.b64encode(picture((200, 40, 40))).decode()
    session = server.new_session(world=NAME, image=f"data:image/png;base64,{data}")
    driver = await ControlClient.open(server.ws, session["control"])
    seen: list[Picture] = []
    viewer = HeadlessViewer(seen.append)
    await viewer.join(server.url + session["whep"])
    hands = Input(seq=1, t=5.0, buttons=["forward", "left"], axes={"turn": 0.5, "look": -1.0})
    await driver.send(hands)
    await driver.receive(Receipt, seq=1)
    assert seen
    await viewer.close()
    await driver.close()
