"""What is played in the sessions of a worker is recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from virtual_time import run_virtual
from virtual_worker import SENDING, VirtualWorker

from lightcone.model.families.probe.picture import read_frame_code
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import scan
from lightcone.server.worker import messages as wire


async def press(worker: VirtualWorker, *names: str) -> None:
    """Sounds are made of presses, and a recording without any is left out."""
    for seq, buttons in enumerate((["jump"], [])):
        for name in names:
            worker.service.receive(wire.Input(name, "s", seq, 500.0 * seq, buttons, {}))
        await asyncio.sleep(0.5)


def finish(worker: VirtualWorker) -> None:
    worker.close()
    worker.service.finish_recordings()


def span(episode: Episode) -> tuple[int, int]:
    """World frames of the first and the last picture."""
    first, last = (read_frame_code(picture)[0] for picture in episode.frames()[[0, -1]])
    return first, last


def test_each_session_and_each_return_begins_an_episode(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe", record=str(tmp_path))
        await worker.open("a", "probe")
        await press(worker, "a")
        await asyncio.sleep(2)
        await worker.rewind("a", "to", 24)
        await press(worker, "a")
        await worker.ask(lambda n: wire.Fork(n, "a", "b", SENDING), wire.Opened)
        worker.watch("b")
        await press(worker, "a", "b")
        finish(worker)

    run_virtual(scenario())
    found = scan(tmp_path, whole=True)
    assert not found.left_out
    spans = [span(episode) for episode in found.episodes]
    for episode, (first, last) in zip(found.episodes, spans, strict=True):
        assert len(episode) == last - first + 1
        assert episode.meta.seed is None
        assert episode.meta.consent == "agreed"
    assert sorted(first for first, _ in spans)[:2] == [0, 24]
    assert len(spans) == 3


def test_a_step_that_is_repeated_is_recorded_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-faulty", record=str(tmp_path))
        await worker.open("a", "probe-faulty")
        await worker.open("b", "probe-faulty")
        await press(worker, "a", "b")
        await worker.condition("b", "raise")
        await asyncio.sleep(2)
        finish(worker)

    run_virtual(scenario())
    found = scan(tmp_path, whole=True)
    assert len(found.episodes) == 2
    for episode in found.episodes:
        shown = [read_frame_code(picture)[0] for picture in episode.frames()]
        assert shown == list(range(len(episode)))
