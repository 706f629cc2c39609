"""The env family: real environments, each in a process of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from tiny_environments import ADD, DIE, EPISODE, HANG, NAME, RAISE

from lightcone.model.catalogue import world_info
from lightcone.model.families.env.model import EnvModel
from lightcone.model.families.env.state import EnvState
from lightcone.model.interface import (
    Actions,
    Chunk,
    EnvironmentFailed,
    ImageError,
    PromptError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack


@pytest.fixture(scope="module")
def model() -> Iterator[EnvModel]:
    opened = EnvModel([NAME], step_seconds=60.0)  # long: only a test of hanging waits for it
    yield opened
    opened.close()


def hold(*names: str) -> Actions:
    return world_info(NAME).actions(names)


def play(model: EnvModel, state: EnvState, *held: str) -> tuple[EnvState, Chunk]:
    [state], [chunk] = collect(model, [state], [hold(*held)])
    return state, chunk


def shown(chunk: Chunk) -> tuple[int, int]:
    """Count and mark of the last frame."""
    red, green, _ = chunk.frames[-1, 0, 0]
    return int(red) // 10, int(green)


def test_a_world_is_described_by_its_environment() -> None:
    info = world_info(NAME)
    assert (info.fps, info.chunk_frames, info.sample_rate) == (20, (1,), None)
    assert (info.height, info.width) == (104, 154)  # five times as large, and even
    assert [button.name for button in info.buttons] == [f"action_{i}" for i in range(5)]
    assert info.prompt == info.image == "none"


def test_cart_pole_is_driven_by_arrows() -> None:
    info = world_info("env:CartPole-v1")
    assert (info.fps, info.chunk_frames) == (50, (2,))
    assert [button.keys[0] for button in info.buttons] == ["ArrowLeft", "ArrowRight"]
    model = EnvModel(["env:CartPole-v1"])
    after = []
    for held in (["left"], ["right"]):
        state = model.start("env:CartPole-v1", 1, None)
        [state], [chunk] = collect(model, [state], [info.actions(held)])
        assert chunk.frames.shape == (2, 400, 600, 3)
        assert chunk.sound is None
        after.append(model.digest(state))
    model.close()
    assert after[0] != after[1]


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ("env:NoSuchThing-v0", "gymnasium has no environment 'NoSuchThing-v0'"),
        ("env:no_such_module:Thing-v0", "no module 'no_such_module'"),
    ],
)
def test_unknown_environments_are_refused(world: str, reason: str) -> None:
    with pytest.raises(UnknownWorld, match=reason):
        world_info(world)


def test_actions_move_the_environment(model: EnvModel) -> None:
    state = model.start(NAME, 1, model.prepare(NAME))
    state, chunk = play(model, state, ADD)
    state, chunk = play(model, state)
    state, chunk = play(model, state, ADD)
    assert shown(chunk)[0] == 2
    assert (state.chunk, state.frame, chunk.first_frame) == (3, 3, 2)
    model.release(state)


def test_an_older_state_can_be_stepped_again(model: EnvModel) -> None:
    first = model.start(NAME, 1, None)
    second, _ = play(model, first, ADD)
    third, _ = play(model, second, ADD)
    fork, chunk = play(model, second)  # its process is further on: another one replays
    assert shown(chunk)[0] == 1
    again, chunk = play(model, second, ADD)
    assert model.digest(again) == model.digest(third)
    assert model.digest(fork) != model.digest(third)
    _, chunk = play(model, third, ADD)  # the first process went on
    assert shown(chunk)[0] == 3


def test_an_episode_that_ends_is_followed_by_another(model: EnvModel) -> None:
    state, marks, counts = model.start(NAME, 1, None), [], []
    for _ in range(2 * EPISODE + 1):
        state, chunk = play(model, state, ADD)
        counts.append(shown(chunk)[0])
        marks.append(shown(chunk)[1])
    assert counts == [*range(1, EPISODE + 1)] * 2 + [1]
    assert len(set(marks)) == 3  # each episode has a seed of its own
    assert state.episode == 2
    assert len(state.history.inputs()) == 1


@pytest.mark.parametrize("frames", [3, EPISODE, EPISODE + 2])
def test_a_restored_snapshot_goes_on_equally(model: EnvModel, frames: int) -> None:
    state = model.start(NAME, 5, None)
    for _ in range(frames):
        state, _ = play(model, state, ADD)
    restored = model.restore(unpack(pack(model.snapshot(state))))
    assert model.digest(restored) == model.digest(state)
    for _ in range(3):
        state, chunk = play(model, state, ADD)
        restored, same = play(model, restored, ADD)
        assert np.array_equal(chunk.frames, same.frames)
        assert model.digest(restored) == model.digest(state)
        assert restored.frame == state.frame


def test_snapshots_of_others_and_damaged_ones_are_refused(model: EnvModel) -> None:
    good = model.snapshot(model.start(NAME, 1, None))
    wrong = {"inputs": np.zeros((2, 9), np.float32)}
    other = Snapshot(good.world, "env-0", good.frame, good.arrays, good.meta)
    broken = Snapshot(good.world, good.fingerprint, good.frame, wrong, good.meta)
    closed = Snapshot("env:CartPole-v1", good.fingerprint, good.frame, good.arrays, good.meta)
    for snapshot, reason in ((other, "another model"), (broken, "damaged"), (closed, "not open")):
        with pytest.raises(SnapshotError, match=reason):
            model.restore(snapshot)


@pytest.mark.parametrize(
    ("button", "reason"),
    [(RAISE, "raised ValueError: as asked"), (DIE, r"process ended \(exit code 3\)")],
)
def test_a_failure_leaves_the_others_of_the_batch_as_they_were(
    model: EnvModel, button: str, reason: str
) -> None:
    good, bad = model.start(NAME, 1, None), model.start(NAME, 2, None)
    good, _ = play(model, good, ADD)
    emitted: list[int] = []
    with pytest.raises(EnvironmentFailed, match=reason):
        model.step([bad, good], [hold(button), hold(ADD)], lambda row, part: emitted.append(row))
    assert emitted == []
    process = good.live.process.pid
    after, chunk = play(model, good, ADD)
    assert shown(chunk)[0] == 2
    assert after.live.process.pid == process  # its answer was kept
    with pytest.raises(EnvironmentFailed, match=reason):
        play(model, bad, button)
    _, chunk = play(model, bad, ADD)  # and it can be repeated, otherwise
    assert shown(chunk)[0] == 1


def test_an_environment_that_hangs_is_ended() -> None:
    model = EnvModel([NAME], step_seconds=0.2)
    state = model.start(NAME, 1, None)
    with pytest.raises(EnvironmentFailed, match=r"did not answer in 0.\d+ s"):
        play(model, state, HANG)
    assert state.live.process.ended


def test_environments_end_with_the_process_that_plays_them() -> None:
    script = (
        "import os\n"
        "from lightcone.model.families.env.model import EnvModel\n"
        "from tiny_environments import HANG, NAME\n"
        "model = EnvModel([NAME])\n"
        "state = model.start(NAME, 1, None)\n"
        "state.live.ask(state, model.worlds[NAME].actions([HANG]))\n"
        "print(state.live.process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    with suppress(ProcessLookupError):  # it has ended already
        environment = os.pidfd_open(int(ended.stdout))
        readable, _, _ = select.select([environment], [], [], 60)
        os.close(environment)
        assert readable  # it has ended


def test_released_states_have_no_process(model: EnvModel) -> None:
    first = model.start(NAME, 1, None)
    second, _ = play(model, first)
    model.release(first)  # the process is with the second by now
    assert not second.live.process.ended
    model.release(second)
    assert second.live.process.ended
    _, chunk = play(model, second, ADD)
    assert shown(chunk)[0] == 1


def test_prompts_images_and_steps_are_refused(model: EnvModel) -> None:
    with pytest.raises(PromptError, match="takes no prompt"):
        model.prepare(NAME, "red")
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare(NAME, image=np.zeros((104, 154, 3), np.uint8))
    state = model.start(NAME, 1, None)
    with pytest.raises(UnsupportedSetting):
        collect(model, [state], [hold()], steps=2)
    assert model.apply(state, None, "cut", 1) == (state, 0)


def test_costs_are_measured(model: EnvModel) -> None:
    cost = model.cost(NAME)
    assert list(cost.step_ms) == [1, 2, 3, 4, 6, 8]
    assert cost.step_ms[8] >= cost.step_ms[1] > 0
    assert cost.state_bytes > 1_000_000  # of a process
