"""What is played in the sessions of a worker is recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from virtual_time import run_virtual
from virtual_worker import SENDING, VirtualWorker

from lightcone.model.families.probe.picture import read_frame_code, read_ground
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import scan
from lightcone.server.worker import messages as wire


async def open_driven(worker: VirtualWorker, *names: str, world: str = "probe") -> None:
    """Sessions that somebody drives and watches from the beginning."""
    for name in names:
        await worker.open(name, world, run=False)
        drive(worker, name)
        worker.watch(name)


def drive(worker: VirtualWorker, name: str, driven: bool = True) -> None:
    worker.service.receive(wire.Drive(name, driven))


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
        await open_driven(worker, "a")
        await press(worker, "a")
        await asyncio.sleep(2)
        await worker.rewind("a", "to", 24)
        await press(worker, "a")
        await worker.ask(lambda n: wire.Fork(n, "a", "b", SENDING), wire.Opened)
        drive(worker, "b")
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
        await open_driven(worker, "a", "b", world="probe-faulty")
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


def test_nothing_is_recorded_while_nobody_drives(tmp_path: Path) -> None:
    made: list[int] = []  # frames, at each change

    async def change(worker: VirtualWorker, driven: bool) -> None:
        drive(worker, "a", driven)
        drive(worker, "a", driven)  # once more, as after a change of its worker
        await asyncio.sleep(0.5)
        made.append(sum(chunk.frames for chunk in worker.made("a")))

    async def scenario() -> None:
        worker = VirtualWorker("probe", record=str(tmp_path))
        await worker.open("a", "probe")
        await change(worker, False)
        await change(worker, True)
        await press(worker, "a")
        await change(worker, False)
        await change(worker, True)
        await press(worker, "a")
        finish(worker)

    run_virtual(scenario())
    found = scan(tmp_path, whole=True)
    assert not found.left_out
    episodes = sorted(found.episodes, key=span)
    assert [episode.meta.seed for episode in episodes] == [None, None]
    spans = [span(episode) for episode in episodes]
    for episode, (first, last) in zip(episodes, spans, strict=True):
        assert len(episode) == last - first + 1
    (first, last), (again, _) = spans
    assert made[0] <= first < made[1] < last < made[2] <= again < made[3]


def test_a_recording_that_ends_is_whole_while_its_session_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe", record=str(tmp_path))
        await open_driven(worker, "a")
        await press(worker, "a")
        drive(worker, "a", driven=False)
        await asyncio.sleep(1)
        worker.service.finish_recordings()
        assert len(scan(tmp_path, whole=True).episodes) == 1
        worker.close()

    run_virtual(scenario())


def test_prompts_are_the_text_of_the_frames_that_they_made(tmp_path: Path) -> None:
    given: list[int] = []

    async def scenario() -> None:
        worker = VirtualWorker("probe", record=str(tmp_path))
        await worker.open("a", "probe", "blue", run=False)
        drive(worker, "a")
        worker.watch("a")
        await press(worker, "a")
        given.append((await worker.condition("a", "red")).first)
        await press(worker, "a")
        await asyncio.sleep(1)  # so that a moment of it is kept
        given.append((await worker.condition("a", "green", "blend")).first)
        await press(worker, "a")
        await worker.rewind("a", "to", given[1] - 1)
        await press(worker, "a")
        finish(worker)

    run_virtual(scenario())
    found = scan(tmp_path, whole=True)
    before, rewound = sorted(found.episodes, key=span)
    red, green = given
    assert before.meta.text == ((0, "blue"), (red, "blue; red"), (green, "blue; red; green"))
    assert rewound.meta.text == ((0, "blue; red"),)
    shown = [read_ground(picture) for picture in before.frames()]
    grounds = ["blue"] * red + ["red"] * (green - red)
    for held, seen, ground in zip(before.actions.any(axis=1), shown, grounds, strict=False):
        assert held or seen == ground  # what is held lights the ground up
    assert shown[-1] == "green"
