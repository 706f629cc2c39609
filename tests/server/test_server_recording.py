"""What somebody plays in the page is recorded: real servers, real environments."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from probe_viewer import ControlClient, ProbeViewer
from serving import LIGHTCONE, Served

from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.client.media.rtp import Picture
from lightcone.model.catalogue import world_info
from lightcone.model.families.env.player import episode_seed, open_player
from lightcone.model.families.probe.picture import read_frame_code
from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import scan
from lightcone.server.control.protocol import Input, Receipt, Rewind, RewindReceipt, Welcome, Wheel
from lightcone.server.sessions.action_log import read_log
from lightcone.server.sessions.action_log.entries import LoggedChunk

doom = pytest.mark.skipif(
    find_spec("vizdoom") is None, reason="needs ViZDoom (pip install 'lightcone[env]')"
)
CLOSE = 3.0  # mean difference of a picture and its near lossless copy, of 255
SMALL = 0.5  # of what changes from frame to frame

BACK = ("back to the beginning",)  # in a plan


async def play(
    server: Served, info: WorldInfo, plan: list[tuple[str, ...]]
) -> tuple[dict[str, Any], list[Receipt]]:
    """Hold what the plan says, each until a picture shows it. Returns the session, which goes on,
    and the receipts of what was held."""
    session = server.new_session(world=info.name, seed=5)
    receipts = []
    driver = await ControlClient.open(server.ws, session["control"])
    await driver.receive(Welcome)  # before there is anything to record
    seen: list[Picture] = []
    viewer = HeadlessViewer(seen.append)
    await viewer.join(server.url + session["whep"])
    for number, held in enumerate(plan):
        if held is BACK:
            await driver.send(Rewind(seq=number, t=0.0, action="to", world_frame=0))
            await driver.receive(RewindReceipt)
            continue
        await driver.send(Input(seq=number, t=1000.0 * number, buttons=list(held)))
        receipts.append(await driver.receive(Receipt, seq=number))
    await viewer.close()
    await driver.close()
    return session, receipts


def pictures_again(episode: Episode, world: str) -> NDArray[np.int16]:
    """What the environment itself shows with the seed and the actions of a recording."""
    player = open_player(world)
    assert episode.meta.seed is not None
    player.reset(episode.meta.seed)
    pictures = []
    for row in episode.actions:
        player.step(row)
        pictures.append(player.picture())
    player.close()
    return np.stack(pictures).astype(np.int16)


@pytest.mark.parametrize(
    "world", ["env:CartPole-v1", pytest.param("env:vizdoom/basic", marks=doom)]
)
async def test_what_is_played_is_recorded_and_can_be_played_again(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: str
) -> None:
    folder = tmp_path / "played"
    server = serve("--record", str(folder), "--consent", "Ann agreed", worlds=world)
    info = world_info(world)
    first, last = info.buttons[0].name, info.buttons[-1].name
    plan: list[tuple[str, ...]] = [(), (last,), (), (first,), (last,), ()] * 3
    session, receipts = await play(server, info, plan)
    async with server.client() as http:
        path = f"/sessions/{session['id']}"
        await http.delete(path)
        log = (await http.get(f"{path}/log")).content
    assert server.stop() == 0

    found = scan(folder, whole=True)
    assert not found.left_out
    recorded = np.concatenate([episode.actions for episode in found.episodes])
    (tmp_path / "log.jsonl").write_bytes(log)
    chunks = [e for e in read_log(tmp_path / "log.jsonl").entries if isinstance(e, LoggedChunk)]
    np.testing.assert_array_equal(recorded, np.concatenate([each.actions for each in chunks]))
    for receipt, held in zip(receipts, plan, strict=True):
        expected = info.actions(held, frames=1)[0]
        np.testing.assert_array_equal(recorded[receipt.world_frame], expected)
    metas = [episode.meta for episode in found.episodes]
    assert {meta.consent for meta in metas} == {"Ann agreed"}
    assert [meta.seed for meta in metas] == [episode_seed(5, n) for n in range(len(metas))]
    assert [meta.ended for meta in metas[:-1]] == [True] * (len(metas) - 1)
    monkeypatch.chdir(tmp_path)  # ViZDoom leaves a file
    again = [pictures_again(episode, world) for episode in found.episodes]
    shown = [episode.frames() for episode in found.episodes]
    off = np.concatenate([abs(a - b) for a, b in zip(again, shown, strict=True)])
    moves = np.concatenate([abs(np.diff(pictures, axis=0)) for pictures in again])
    assert off.mean() < SMALL * moves.mean()
    assert off.mean(axis=(1, 2, 3)).max() < CLOSE
    page = tmp_path / "page.png"
    preview = [LIGHTCONE, "data", "preview", "--recordings", str(folder), "--out", str(page)]
    await asyncio.to_thread(subprocess.run, preview, check=True)
    assert page.stat().st_size


async def test_a_rewind_begins_another_episode(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    server = serve("--record", str(tmp_path), worlds="probe")
    info = world_info("probe")
    _, receipts = await play(server, info, [("left",), (), BACK, ("right",)])
    assert server.stop() == 0
    before, after = scan(tmp_path, whole=True).episodes
    left, right = (info.actions([name], frames=1)[0] for name in ("left", "right"))
    np.testing.assert_array_equal(before.actions[receipts[0].world_frame], left)
    np.testing.assert_array_equal(after.actions[receipts[2].world_frame], right)
    assert not (after.actions == left).all(axis=1).any()


@pytest.mark.parametrize(
    ("flags", "facts"),
    [
        ([], (False, "")),
        (["--record", "played"], (True, "")),
        (["--record", "played", "--consent", "Kept for training."], (True, "Kept for training.")),
    ],
)
async def test_who_plays_can_know_that_it_is_recorded(
    serve: Callable[..., Served],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    facts: tuple[bool, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    server = serve(*flags)
    session = server.new_session()
    assert (session["play_recorded"], session["consent"]) == facts
    for want in ("driver", "spectator"):
        client = await ControlClient.open(server.ws, session["control"], want)
        known = (await client.receive(Welcome)).session
        assert (known.play_recorded, known.consent) == facts
        await client.close()
    server.stop()


async def test_what_nobody_drives_is_not_recorded(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    server = serve("--record", str(tmp_path))
    session = server.new_session()
    viewer = ProbeViewer()
    async with server.client() as http:
        await viewer.join(http, session["whep"])
    played = ("left", "right")
    for held in played:
        await viewer.until_more(12)
        driver = await ControlClient.open(server.ws, session["control"])
        await driver.send(Input(seq=0, t=0.0, buttons=[held]))
        await driver.receive(Receipt, seq=0)
        await driver.send(Wheel(action="leave"))
        await driver.close()
    await viewer.close()
    assert server.stop() == 0

    def first_frame(episode: Episode) -> int:
        return read_frame_code(episode.frames(0, 1)[0])[0]

    before, after = sorted(scan(tmp_path, whole=True).episodes, key=first_frame)
    assert 0 < first_frame(before) < first_frame(before) + len(before) < first_frame(after)
    names = [button.name for button in world_info("probe").buttons]
    for episode, held in zip((before, after), played, strict=True):
        assert episode.meta.seed is None
        used = episode.actions[:, : len(names)].any(axis=0)
        assert [name for name, any in zip(names, used, strict=True) if any] == [held]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [LIGHTCONE, "serve", "--worlds", "probe", "--record", str(tmp_path / "file/played")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("lightcone: nothing can be recorded in ")
    assert "Not a directory" in ended.stderr
