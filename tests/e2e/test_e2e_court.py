"""The learned court with the shipped weights: what a visitor sees, hears and steers.

Without weights the server does not start, and every test here fails and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import numpy as np
import pytest
from e2e_page import HEIGHT, Picture, Visitor
from numpy.typing import NDArray
from serving import PATIENCE_S, Served
from websockets.sync.client import connect

from lightcone.model.families.staged.court.constants import RUN_SPEED

SEED = 7
THUMP = 1.5e-3  # energy; a jump and its landing have 2.4e-2, ambience has 3e-5 a second
JUMPS = 8  # a busy machine may play the first ones too late


@pytest.fixture(scope="module")
def court(serve: Callable[..., Served]) -> Iterator[Served]:
    server = serve("--worlds", "court")
    yield server
    server.stop()


@pytest.fixture
def session(court: Served) -> dict[str, Any]:
    return court.new_session(world="court", seed=SEED)


@pytest.fixture
def driver(court: Served, session: dict[str, Any], visitor: Callable[[], Visitor]) -> Visitor:
    page = visitor()
    page.open(f"{court.url}/?session={session['id']}")
    return page


def foreground_x(picture: NDArray[np.uint8], scenery: NDArray[np.float64]) -> float:
    """Centroid of what is not scenery, in picture heights from the left."""
    differs = np.abs(picture - scenery).sum(axis=2) > 60
    assert differs.any(), "nobody is on the court"
    return float(np.nonzero(differs)[1].mean()) / HEIGHT


def test_the_picture_is_there_and_moves(driver: Visitor) -> None:
    driver.page.keyboard.down("ArrowLeft")
    driver.until_later(1.0)
    driver.page.keyboard.up("ArrowLeft")
    # the first one may come before the canvas can draw it
    pictures = [picture.astype(float) for _, picture in driver.pictures()[1:]]
    for picture in pictures:
        assert picture.mean() > 15, "black"
        assert picture.std() > 8, "one colour"
    moved = [np.abs(b - a).mean() for a, b in zip(pictures, pictures[6:], strict=False)]
    assert max(moved) > 0.5, "a still"


def test_holding_the_right_arrow_moves_the_player_right(driver: Visitor) -> None:
    def held(code: str, seconds: float) -> list[Picture]:
        """What is presented while a key is in the picture for so long."""
        driver.page.keyboard.down(code)
        driver.until(f"lightcone.samples.at(-1)?.code === '{code}'")
        driver.until_later(seconds)
        sample = driver.get("lightcone.samples.at(-1)")
        driver.page.keyboard.up(code)
        return [each for each in driver.pictures() if each[0] >= sample["mediaTime"]]

    held("ArrowLeft", 1.2)  # there is room to the right
    run = [picture for _, picture in held("ArrowRight", 1.5)]
    scenery = np.median(run, axis=0)  # the player runs, so is nowhere for long
    moved = foreground_x(run[-1], scenery) - foreground_x(run[0], scenery)
    assert moved > RUN_SPEED / 2


def test_a_jump_and_its_landing_are_heard(driver: Visitor) -> None:
    before, _ = driver.sound()
    for jumps in range(1, JUMPS + 1):
        driver.page.keyboard.down("ArrowUp")
        driver.until(f"lightcone.samples.length === {jumps}")
        driver.until_later(0.3)
        driver.page.keyboard.up("ArrowUp")
        driver.until_later(1.2)
        after, _ = driver.sound()
        if after - before > THUMP:
            return
    pytest.fail(f"{JUMPS} jumps had an energy of {after - before:.2g}")


def test_a_second_visitor_watches_and_nonsense_disturbs_nobody(
    court: Served, session: dict[str, Any], driver: Visitor, visitor: Callable[[], Visitor]
) -> None:
    second = visitor()
    second.open(f"{court.url}/?session={session['id']}", role="spectator")
    assert second.get("lightcone.session") == session["id"]
    assert second.page.locator("#role-title").inner_text().startswith("Somebody else")
    for message in (b"\xc1", b"\x81\xa1a", b"x" * 5000, "text"):
        with connect(court.ws + session["control"]) as socket:
            socket.send(message)
            answer = socket.recv()
            assert isinstance(answer, bytes)
            assert msgpack.unpackb(answer)["type"] == "error"
    with court.blocking_client() as client:
        headers = {"content-type": "application/sdp"}
        assert client.post(session["whep"], content="v=1", headers=headers).status_code == 400
        assert client.post("/sessions", content="{").status_code in (400, 415)
        assert client.post("/sessions", json={"seed": "x"}).status_code == 422
    for page in (driver, second):
        page.until_later(0.5)
        assert page.get("lightcone.phase") == "live"


def test_a_session_that_nobody_watches_pauses(
    court: Served, session: dict[str, Any], driver: Visitor
) -> None:
    driver.until_later(0.1)
    with connect(court.ws + session["control"]) as socket:
        socket.send(msgpack.packb({"type": "hello", "version": 3, "want": "spectator"}))
        driver.close()
        phase = ""
        while phase != "paused":
            phase = msgpack.unpackb(socket.recv(timeout=PATIENCE_S)).get("phase")
    with court.blocking_client() as client:
        shown = client.get(f"/sessions/{session['id']}").json()
    assert (shown["phase"], shown["viewers"]) == ("paused", 0)
